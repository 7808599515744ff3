"use strict";
// Keys for those who read much. Everything works without them, and they can be switched off.
const KEYS = "matchmaker.keys";
const help = document.querySelector(".keys");

if (help) {
  const on = document.getElementById("keys-on");
  help.hidden = false;
  on.checked = localStorage.getItem(KEYS) !== "off";
  on.addEventListener("change", () => localStorage.setItem(KEYS, on.checked ? "on" : "off"));

  const move = (step) => {
    const rows = [...document.querySelectorAll("[data-row]")];
    const here = rows.indexOf(document.activeElement);
    rows[here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step]?.focus();
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("textarea, select, input:not([type=checkbox])");
    if (!on.checked || typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target instanceof HTMLAnchorElement) {
      target.click();
    } else if (target) {
      // A decision is one more key away: Enter.
      target.focus();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
  });
}
