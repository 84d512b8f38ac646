// Keeps what is open fresh. Everything works without it.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const refresh = async () => {
    // Never while somebody writes or has chosen something.
    const typed = [...live.querySelectorAll("textarea")].some((field) => field.value !== "");
    if (document.hidden || typed || live.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) {
      location.href = answer.url;
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh && fresh.innerHTML !== live.innerHTML) live.replaceChildren(...fresh.childNodes);
  };
  setInterval(() => refresh().catch(() => {}), 4000);
})();
