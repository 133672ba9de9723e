// New figures without a reload: when the ledger says that something was recorded, the page is asked for again, and what has
// changed on it takes the place of what was there. Without scripts the page is the same, as of when it was loaded.
(() => {
  "use strict";
  // Where the navigation is wider than the window, one sees where one is.
  const here = document.querySelector(".pages [aria-current]");
  const row = here?.closest("ul");
  if (row) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;

  const main = document.getElementById("main");
  if (!main.hasAttribute("data-live") || !window.EventSource) return;
  let asking = false;

  async function renew() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      main.dataset.live = fresh.getElementById("main").dataset.live;
      for (const part of document.querySelectorAll("[data-part]")) {
        const other = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
        // What somebody is in the middle of is left alone.
        if (!other || other.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
        part.replaceWith(document.adoptNode(other));
      }
      document.dispatchEvent(new Event("renewed"));
    } catch {
      // The next change asks again.
    } finally {
      asking = false;
    }
  }

  let stream;
  let timers = [];

  function leave() {
    stream?.close();
    timers.forEach(clearTimeout);
  }

  // A browser has few connections to one server: only a page that is seen keeps one, or the seventh tab would wait for ever.
  function follow() {
    leave();
    if (document.hidden) return;
    stream = new EventSource("/v1/stream");
    stream.addEventListener("north-star", (event) => {
      timers.forEach(clearTimeout);
      // Counts are there at once; the figures that follow from them, a moment later. That moment may have begun before the
      // page was made, and what was counted between its making and now is not on it.
      const isSeen = event.lastEventId === main.dataset.live;
      timers = (isSeen ? [4000] : [100, 1500, 4000]).map((wait) => setTimeout(renew, wait));
    });
  }

  follow();
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && follow());
})();
