// Slow figures arrive later: polls the page with growing intervals and replaces the part that `data-later` selects once it is complete.
"use strict";
(() => {
  const wait = (turn) => new Promise((done) => { setTimeout(done, Math.min(1500 * 1.3 ** turn, 10000)); });
  const later = document.querySelector("[data-later]");
  const ask = async () => {
    for (let turn = 0; later && turn < 60; turn += 1) {
      await wait(turn);
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.querySelector(later.dataset.later);
      if (answer.ok && part && !page.querySelector("[data-later]")) {
        document.querySelector(later.dataset.later).replaceWith(part);
        later.textContent = "Everything is shown now.";
        return;
      }
    }
  };
  ask().catch(() => {});
})();
