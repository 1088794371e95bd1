// Single-letter shortcuts: each key presses the button or link that shows it. Off while typing, with modifiers, and by preference.
"use strict";
(() => {
  const typing = (node) => node.isContentEditable || node.matches("textarea, select, input:not([type=checkbox])");
  const choose = () => {
    const box = document.activeElement.closest("tr")?.querySelector("[name=pick]");
    if (box) box.click();
  };
  const lines = () => [...document.querySelectorAll("[data-line]")];
  const move = (step) => {
    const all = lines();
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    if (next) { next.focus(); next.scrollIntoView({block: "nearest"}); }
  };
  const press = (node) => {
    if (node.matches("input[type=checkbox]")) {
      const hidden = node.closest("details");
      if (hidden) hidden.open = true;
      node.click();
    }
    if (node.matches("input, textarea, select, summary")) node.focus();
    if (node.matches("textarea")) node.selectionStart = node.value.length; // continue at the end
    if (node.matches("summary")) node.parentElement.open = !node.parentElement.open;
    if (node.matches("button, a")) node.click();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (found) { event.preventDefault(); press(found); return; }
    if (event.key === "v") choose();
    if (event.key === "j" || event.key === "k") { event.preventDefault(); move(event.key === "j" ? 1 : -1); }
  });
})();
