// Light or dark: as the system says, until the user says otherwise. Loaded before the page is drawn, and no module, so that a
// dark page never flashes white.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("hadal.theme");
    } catch {
      return null;
    }
  };
  const isDark = () => (chosen() === null ? dark.matches : chosen() === "dark");
  const apply = () => {
    const theme = chosen();
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
  };

  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const wanted = isDark() ? "light" : "dark";
      try {
        // What the system wants anyway needs no choice: the page follows it again.
        if ((wanted === "dark") === dark.matches) localStorage.removeItem("hadal.theme");
        else localStorage.setItem("hadal.theme", wanted);
      } catch {
        document.documentElement.dataset.theme = wanted; // nothing can be kept here, so it holds for this page only
        return;
      }

      apply();
    });
    apply();
  });
})();
