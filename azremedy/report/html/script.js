"use strict";
{
  const PAGE = 100;
  const WORST = ["info", "suspected", "corroborated", "blocking"];
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);

  // The colours, as chosen last time where the browser remembers.
  const themes = all("[name=theme]");
  const remembered = (store) => { try { return store(); } catch { return null; } };
  const chosen = remembered(() => localStorage.getItem("azremedy-theme"));
  for (const theme of themes) {
    if (theme.value === chosen) theme.checked = true;
    theme.addEventListener("change", () => remembered(() => localStorage.setItem("azremedy-theme", theme.value)));
  }

  // A repair that serves several findings stands once; each of them shows it when it is unfolded.
  document.addEventListener("toggle", (event) => {
    for (const link of event.target.open ? all("[data-plan]:not([data-shown])", event.target) : []) {
      const diff = byId(link.dataset.plan)?.querySelector(".diff");
      link.dataset.shown = "";
      if (diff) link.after(diff.cloneNode(true));
    }
  }, true);

  const open = (element) => {
    for (let one = element; one; one = one.parentElement) if (one.localName === "details") one.open = true;
  };

  const table = byId("table");
  if (table) {
    const form = document.querySelector(".controls");
    const search = byId("search"), count = byId("count"), more = byId("more");
    const selects = ["cause", "cure", "subscription"].filter(byId);
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (element, place) => {
      element.classList.remove("beyond");
      return { element, place, severity: WORST.find((name) => element.classList.contains(name)), ...element.dataset };
    });
    const number = (of) => of.toLocaleString("en");
    let limit = PAGE, order = rows, found = rows;

    const said = (row) => row.text ??= [...row.element.cells].filter((cell) => cell.cellIndex !== 3)
      .concat(all("summary, dl, q", row.element))
      .map((one) => one.textContent).join("\n").toLowerCase();

    // Rows that are not shown are not in the document, so that thousands of them cost nothing.
    const show = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const severities = new Set(all("[name=severity]:checked", form).map((box) => box.value));
      const wanted = selects.map((name) => [name, byId(name).value]).filter(([, value]) => value);
      found = order.filter((row) => severities.has(row.severity)
        && wanted.every(([name, value]) => row[name] === value)
        && words.every((word) => said(row).includes(word)));
      fill(limit);
      const rest = Math.max(0, found.length - limit);
      count.textContent = `${number(found.length)} of ${number(rows.length)} findings`
        + (rest ? `, the first ${number(limit)} shown` : "");
      more.hidden = !rest;
      more.textContent = `Show ${number(Math.min(rest, PAGE))} more`;
    };
    const fill = (upTo) => body.replaceChildren(...found.slice(0, upTo).map((row) => row.element));
    const anew = () => { limit = PAGE; show(); };

    const keys = {
      severity: (row) => WORST.indexOf(row.severity),
      vm: (row) => row.element.cells[1].textContent,
      cause: (row) => row.cause,
      message: (row) => row.element.querySelector("summary").textContent,
      cure: (row) => row.cure,
    };
    const collator = new Intl.Collator("en", { numeric: true });
    const sort = (button) => {
      const head = button.closest("th");
      const was = head.getAttribute("aria-sort");
      const rising = was ? was === "descending" : button.dataset.sort !== "severity";
      for (const one of all("[aria-sort]", table)) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const key = keys[button.dataset.sort], sign = rising ? 1 : -1;
      for (const row of rows) row.key = key(row);
      const compare = button.dataset.sort === "severity" ? (a, b) => a - b : collator.compare;
      order = rows.toSorted((a, b) => sign * compare(a.key, b.key) || a.place - b.place);
      show();
    };

    // An address that ends in a finding's fingerprint leads to it, wherever in the order it stands.
    const reveal = () => {
      const id = location.hash.slice(1);
      const row = id && rows.find(({ element }) => element.id === id);
      if (row && !row.element.isConnected) {
        form.reset();
        search.value = id.replace("f-", "");
        anew();
      }
      const target = row ? row.element.querySelector("details") : byId(id);
      if (target) {
        open(target);
        target.scrollIntoView();
      }
    };

    form.addEventListener("input", anew);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(anew));
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) sort(button);
    });
    more.addEventListener("click", () => {
      const next = found[limit];
      limit += PAGE;
      show();
      next.element.querySelector("summary").focus();
    });
    byId("unfold").addEventListener("click", () => {
      const shown = all("td > details", body);
      const fold = shown.length > 0 && shown.every((one) => one.open);
      for (const one of shown) one.open = !fold;
    });
    for (const link of all("[data-filter]")) {
      link.addEventListener("click", () => { byId("cause").value = link.dataset.filter; anew(); });
    }
    addEventListener("beforeprint", () => fill(found.length));
    addEventListener("afterprint", () => fill(limit));
    addEventListener("hashchange", reveal);
    show();
    if (location.hash) reveal();
    (window.requestIdleCallback ?? setTimeout)(() => rows.forEach(said));
  }
}
