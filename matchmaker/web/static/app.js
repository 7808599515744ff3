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

// While a word is typed, listings' own words complete it: arrow down leads into the list, escape closes it.
const box = document.querySelector("textarea[name=q][data-completions]");

if (box) {
  const list = document.createElement("ul");
  list.className = "completions";
  list.setAttribute("aria-label", box.dataset.label);
  list.hidden = true;
  box.form.after(list);
  let waiting;
  let asked;

  const close = () => {
    asked?.abort();
    list.hidden = true;
    list.replaceChildren();
  };

  const choose = (text) => {
    box.value = `${text} `;
    close();
    box.focus();
  };

  const show = (texts) => {
    list.replaceChildren(
      ...texts.map((text) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", () => choose(text));
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
    list.hidden = !texts.length;
  };

  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const address = `${box.dataset.completions}?q=${encodeURIComponent(box.value)}`;
    try {
      const answer = await fetch(address, { signal: asked.signal });
      if (answer.ok) show((await answer.json()).completions);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  box.addEventListener("input", ({ isComposing }) => {
    clearTimeout(waiting);
    close();
    const last = box.value.split(/\s/).at(-1);
    if (isComposing || last.length < 3 || box.value.length > 300) return;
    waiting = setTimeout(ask, 150);
  });

  document.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const here = buttons.indexOf(document.activeElement);
    if (event.key === "Escape" && !list.hidden) {
      close();
      box.focus();
    } else if (event.key === "ArrowDown" && here + 1 < buttons.length && (here >= 0 || event.target === box)) {
      event.preventDefault();
      buttons[here + 1].focus();
    } else if (event.key === "ArrowUp" && here >= 0) {
      event.preventDefault();
      (buttons[here - 1] ?? box).focus();
    }
  });
}

// What is under way on the server is looked at again while the page is seen; without this file the page itself reloads.
const moving = () => document.querySelector("[data-refresh]");

if (moving()) {
  const look = setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh]");
    if (found) moving().replaceWith(found);
    else {
      clearInterval(look);
      location.reload();
    }
  }, 2000);
}
