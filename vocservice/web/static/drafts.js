// What somebody writes on a record is kept as a draft a moment after they stop; without this script, by its button.
"use strict";
(() => {
  const form = document.querySelector("form[data-draft]");
  const said = document.getElementById("draft-said");
  if (!form || !said) return;
  const faults = {401: "You are signed out: sign in in another window. What you wrote stands here and is not kept yet.", 409: "A newer draft of yours was saved from another window; this one is not kept."};
  let timer = 0;
  let isSending = false;
  let isWaiting = false;
  const keep = async () => {
    if (isSending) { isWaiting = true; return; }
    isSending = true;
    try {
      const answer = await fetch(form.dataset.draft, {method: "POST", body: new URLSearchParams(new FormData(form)), headers: {Accept: "application/json"}, redirect: "error"});
      if (answer.ok) {
        form.elements.draft_version.value = (await answer.json()).version;
        said.textContent = "Draft saved.";
      } else {
        said.textContent = faults[answer.status] || "The draft could not be kept.";
        isWaiting = isWaiting && answer.status !== 409;
      }
    } catch {
      said.textContent = "The draft could not be kept: the service does not answer.";
    }
    isSending = false;
    if (isWaiting) { isWaiting = false; keep(); }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 700); });
  form.addEventListener("submit", () => clearTimeout(timer));
})();
