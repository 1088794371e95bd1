// Saves what somebody writes on a record as a draft shortly after they stop typing (without this script: by a button). Renews the
// claim on the record while the page is visible.
"use strict";
(() => {
  const form = document.querySelector("form[data-draft]");
  const said = document.getElementById("draft-said");
  if (!form || !said) return;
  const faults = {401: "You are signed out. Sign in again in another window; what you wrote is still here, but not saved yet.", 409: "You saved a newer draft or decision elsewhere; this one is not saved."};
  let timer = 0;
  let isSending = false;
  let isWaiting = false;
  const send = (path, fields) => fetch(path, {method: "POST", body: new URLSearchParams(fields), headers: {Accept: "application/json"}, redirect: "error"});
  const keep = async () => {
    if (isSending) { isWaiting = true; return; }
    isSending = true;
    try {
      const answer = await send(form.dataset.draft, new FormData(form));
      if (answer.ok) {
        form.elements.draft_version.value = (await answer.json()).version;
        said.textContent = "Draft saved.";
      } else {
        said.textContent = faults[answer.status] || "The draft could not be saved.";
        isWaiting = isWaiting && answer.status !== 409;
      }
    } catch {
      said.textContent = "The draft could not be saved: the service does not answer.";
    }
    isSending = false;
    if (isWaiting) { isWaiting = false; keep(); }
  };
  const renew = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await send(form.dataset.claim, {token: form.elements.token.value});
      const holder = answer.ok ? (await answer.json()).holder : "";
      if (holder) said.textContent = `${holder} has this open now. What you wrote is kept; to decide, reload the page and take over.`;
      else if (answer.status === 401) said.textContent = faults[401];
    } catch { /* retried soon; saving the draft reports the fault */ }
  };
  setInterval(renew, 1000 * form.dataset.seconds);
  document.addEventListener("visibilitychange", renew);
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 700); });
  form.addEventListener("submit", () => clearTimeout(timer));
})();
