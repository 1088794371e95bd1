// Polls work in progress and updates it in place, so that readers keep their scroll position; reloads the page when it is done.
"use strict";
(() => {
  const wait = (seconds) => new Promise((done) => { setTimeout(done, 1000 * seconds); });
  const ask = async (part) => {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = answer.ok && page.querySelector("[data-again]");
    if ((answer.ok || answer.status === 404) && !next) location.reload();
    if (next) part.replaceChildren(...next.childNodes);
  };
  const watch = async () => {
    const part = document.querySelector("[data-again]");
    while (part) {
      await wait(Number(part.dataset.again));
      await ask(part).catch(() => {});
    }
  };
  watch();
})();
