// What pages can do more with a script: they print, look at files before they are sent, and are live: when something
// happened, the page reads itself again and its parts are put in place.
"use strict";

(() => {
  document.querySelector("[data-print]")?.addEventListener("click", () => print());
  // A file that is too large is known before it is sent.
  document.addEventListener("change", ({ target }) => {
    if (!target.files || !target.dataset.most) return;
    const tooLarge = [...target.files].some((file) => file.size > Number(target.dataset.most));
    target.setCustomValidity(tooLarge ? target.dataset.tooLarge : "");
    target.reportValidity();
  });
  // Of photographs and certificates only the digests are told: the files stay with whoever has them.
  document.addEventListener("change", async ({ target }) => {
    const digests = document.getElementById(target.dataset.digests ?? "");
    if (!target.files || !digests) return;
    const files = [...target.files];
    digests.setCustomValidity(target.dataset.reading);
    const hex = async (file) => {
      const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
      return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    };
    digests.value = (await Promise.all(files.map(hex))).join(" ");
    digests.setCustomValidity("");
  });
  let waiting = null;
  let reading = false;

  // What a part says to people: tokens and ids of its forms are new with every page.
  const said = (part) => part.textContent;

  const read = async () => {
    waiting = null;
    if (reading) {
      later();
      return;
    }
    reading = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      // Who is not logged in any more sees the whole page again.
      if (answer.redirected) return location.reload();
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const fresh = page.getElementById(part.id);
        // Nobody is interrupted who types, or has opened something.
        const busy = part.contains(document.activeElement) || part.querySelector("details[open]");
        if (!fresh) continue;
        if (!busy && said(fresh) !== said(part)) part.replaceChildren(...fresh.childNodes);
        if ("again" in fresh.dataset) part.dataset.again = fresh.dataset.again;
        else delete part.dataset.again;
      }
    } catch {
      // The stream opens again by itself, and then there is a next time.
    } finally {
      reading = false;
      again();
    }
  };

  const later = (milliseconds = 300) => {
    if (waiting === null) waiting = setTimeout(read, milliseconds);
  };

  // What moves without an event that tells of it is looked at again after a while.
  const again = () => {
    const moving = document.querySelector("[data-again]");
    if (moving) later(Number(moving.dataset.again));
  };
  again();

  const live = document.querySelector("[data-live]");
  if (!live || !window.EventSource) return;

  const stream = new EventSource(live.dataset.live);
  stream.onmessage = () => later();
  // What happened while the stream was away is on the page as it is now.
  let lost = false;
  stream.onerror = () => { lost = true; };
  stream.onopen = () => { if (lost) { lost = false; later(); } };
  addEventListener("pagehide", () => stream.close());
})();
