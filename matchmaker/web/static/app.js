"use strict";
// Everything works without this file; with it, choosing a filter or an order applies at once.
document.documentElement.classList.add("js");

const form = document.getElementById("search");
// Where filters lie folded above the results, a reader chooses several and then applies them.
const wide = matchMedia("(min-width: 62rem)");
const PLACE = "matchmaker.place";

if (form) {
  document.addEventListener("change", ({ target }) => {
    if (target.form !== form || target.name === "q" || !(wide.matches || target.name === "sort")) return;
    sessionStorage.setItem(PLACE, JSON.stringify([target.id, scrollY]));
    form.requestSubmit();
  });

  form.addEventListener("keydown", (event) => {
    if (event.target.name !== "q" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  form.addEventListener("formdata", ({ formData }) => {
    for (const name of ["q", "since", "until"]) if (!formData.get(name)) formData.delete(name);
    if (formData.get("sort") === "relevance") formData.delete("sort");
  });

  // A reader who chose something stays where they were.
  const place = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (place) {
    const [id, top] = JSON.parse(place);
    document.getElementById(id)?.focus({ preventScroll: true });
    scrollTo({ top, behavior: "instant" });
  }
}
