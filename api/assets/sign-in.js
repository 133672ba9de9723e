// A link may carry the key behind #, which no server sees: it signs in as the form does.
(() => {
  "use strict";
  const form = document.getElementById("sign-in");
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("key").value = key;
  form.submit();
})();
