// Drafts of declarations: kept in this browser for whoever is logged in, until they are filed or discarded. What is
// about the buyer is not kept.
"use strict";

(() => {
  const FILED = "draft filed";
  const MOST = 50;
  const caller = document.querySelector("[data-caller]")?.dataset.caller;
  const place = `drafts ${caller}`;
  const kept = () => {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  };
  const keep = (drafts) => localStorage.setItem(place, JSON.stringify(drafts.slice(0, MOST)));
  const discard = (id) => keep(kept().filter((draft) => draft.id !== id));

  // What was filed has a page of its own now; what was refused stays a draft.
  const filed = sessionStorage.getItem(FILED);
  sessionStorage.removeItem(FILED);
  if (filed && location.pathname.startsWith("/console/declarations/")) discard(filed);

  const form = document.querySelector("form.filing");
  const section = document.querySelector("#drafts");
  if (!form || !section) return;
  const list = section.querySelector("ul");
  const row = section.querySelector("template").content.firstElementChild;
  const input = (name) => form.elements.namedItem(name);

  const show = () => {
    const drafts = kept();
    section.hidden = drafts.length === 0;
    list.replaceChildren(...drafts.map((draft) => {
      const item = row.cloneNode(true);
      item.querySelector("strong").textContent = draft.title;
      item.querySelector("small").textContent = new Date(draft.time).toLocaleString(document.documentElement.lang);
      for (const button of item.querySelectorAll("button")) {
        button.setAttribute("aria-label", `${button.textContent} ${draft.title}`);
      }
      item.querySelector("[data-go-on]").addEventListener("click", () => goOn(draft));
      item.querySelector("[data-discard]").addEventListener("click", () => {
        discard(draft.id);
        if (input("draft").value === draft.id) input("draft").value = "";
        show();
      });
      return item;
    }));
  };

  // The window makes the form anew, with as many lines as the draft has.
  const goOn = (draft) => {
    const sent = document.createElement("form");
    sent.method = "post";
    sent.action = form.action;
    const given = ["token", "request_id"].map((name) => [name, input(name).value]);
    for (const [name, value] of [...given, ["draft", draft.id], ["act", "go-on"], ...draft.fields]) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      sent.append(field);
    }
    document.body.append(sent);
    sent.submit();
  };

  const button = form.querySelector("[data-keep]");
  if (button) button.hidden = false;
  button?.addEventListener("click", () => {
    const fields = [...new FormData(form)].filter(([name]) =>
      ["amends", "version"].includes(name) || (name.startsWith("f.") && !name.startsWith("f.buyer.")));
    const id = input("draft").value || crypto.randomUUID();
    input("draft").value = id;
    const title = input("f.order_no")?.value || "…";
    keep([{ id, title, time: Date.now(), fields }, ...kept().filter((draft) => draft.id !== id)]);
    form.querySelector("[data-kept]").hidden = false;
    show();
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.value === "file" && input("draft").value) sessionStorage.setItem(FILED, input("draft").value);
  });
  show();
})();
