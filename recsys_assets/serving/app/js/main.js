/** The page's frame: header, place for pages, notices of the server's weather, footer. */

import { forgetAnswers, get } from "./api.js";
import { notices } from "./components/notices.js";
import { pickUser } from "./components/picker.js";
import { h, svg } from "./dom.js";
import { moment, words } from "./format.js";
import { compare } from "./pages/compare.js";
import { data } from "./pages/data.js";
import { evaluation } from "./pages/evaluation.js";
import { home } from "./pages/home.js";
import { missing } from "./pages/missing.js";
import { movie } from "./pages/movie.js";
import { onboarding } from "./pages/onboarding.js";
import { people } from "./pages/people.js";
import { search } from "./pages/search.js";
import { watcher } from "./recommending.js";
import { current, go, link, route } from "./router.js";
import { onChange, recall, remember } from "./store.js";

const PAGES = { "": home, movie, search, people, start: onboarding, compare, evaluation, data };
const MENU = [
  ["", "Home", "M3 11.5 12 4l9 7.5V20h-6v-6H9v6H3z"],
  [
    "search",
    "Search",
    "M10.5 4a6.5 6.5 0 1 0 4 11.6l4.9 4.9 1.4-1.4-4.9-4.9A6.5 6.5 0 0 0 10.5 4zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  ],
  ["people", "People", "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 20c0-4 3.6-6 8-6s8 2 8 6z"],
  ["compare", "Compare", "M4 4h5v16H4zM15 4h5v16h-5zM10.5 4h3v16h-3z"],
  ["evaluation", "Evaluation", "M4 20V10h4v10zM10 20V4h4v16zM16 20v-7h4v7z"],
  ["data", "Data", "M3 18l5-7 4 4 6-9 3 2-8.6 12.5L8.4 15l-3 4.5z"],
];
const TITLES = { start: "Your first stars", movie: "Movie" };

const main = h("main", { id: "main", tabindex: -1 });
const menu = MENU.map(([name, label, icon]) => menuLink(name, label, icon));
const userButton = h("button", {
  type: "button",
  class: "user-button",
  "aria-haspopup": "dialog",
  on: { click: pickUser },
});
const footer = h("footer", { class: "footer" });

document
  .getElementById("app")
  .append(
    h("a", { class: "skip", href: "#main", on: { click: skip } }, "Skip to the content"),
    h(
      "header",
      { class: "header" },
      h(
        "a",
        { class: "wordmark", href: link("/"), "aria-label": "recsys_assets, home" },
        "recsys",
        h("span", {}, "_assets"),
      ),
      h("nav", { class: "menu", "aria-label": "Pages" }, menu),
      userButton,
    ),
    notices(again),
    main,
    footer,
  );

const show = route(main, PAGES, missing, shown);
paintUser();
paintFooter();
onChange("user", () => {
  paintUser();
  show();
});
onChange("dataset", again);

function shown(name, first) {
  const own = MENU.find(([page]) => page === name)?.[1] ?? TITLES[name] ?? "recsys_assets";
  document.title = name === "" ? "recsys_assets" : `${own} · recsys_assets`;
  for (const one of menu) {
    if (one.dataset.page === name) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  if (!first && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
}

/** Everything anew, from the server's newest publication. */
function again() {
  forgetAnswers();
  show();
  paintFooter();
}

function paintUser() {
  userButton.replaceChildren(
    h("span", { class: "user-dot", "aria-hidden": "true" }),
    h("span", { class: "unseen" }, "Watching: "),
    watcher(),
    h("span", { class: "unseen" }, ". Change"),
  );
}

async function paintFooter() {
  try {
    const [{ items, default: own }, { publication }] = await Promise.all([
      get("/v1/datasets"),
      get("/v1/models"),
    ]);
    const served = items.filter((one) => one.served);
    const chosen = recall("dataset") ?? own;
    const at = publication[0]?.published_at;
    footer.replaceChildren(
      h(
        "p",
        {},
        served.length > 1 ? datasetChoice(served, chosen) : `Data set ${chosen}`,
        at ? ` · published ${moment(at)}` : "",
      ),
      h(
        "p",
        {},
        h("a", { href: "/openapi.json" }, "API"),
        " · ",
        h("a", { href: link("/evaluation") }, "What the figures mean"),
      ),
    );
  } catch (error) {
    if (error.status === undefined) throw error;
    footer.replaceChildren(h("p", {}, "The server does not answer."));
  }
}

function datasetChoice(items, chosen) {
  const choose = (event) => {
    // Ids mean something else in another data set.
    for (const [name, nothing] of Object.entries({ user: null, exposure: null, guest: {}, stars: {} }))
      remember(name, nothing);
    remember("dataset", event.target.value);
  };
  return h(
    "label",
    {},
    "Data set ",
    h(
      "select",
      { class: "select", on: { change: choose } },
      items.map((one) =>
        h(
          "option",
          { value: one.dataset, selected: one.dataset === chosen },
          one.title ?? words(one.dataset),
        ),
      ),
    ),
  );
}

function menuLink(name, label, icon) {
  return h(
    "a",
    { href: link(`/${name}`), data: { page: name } },
    svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: icon })),
    h("span", {}, label),
  );
}

function skip(event) {
  event.preventDefault();
  main.focus();
  main.scrollIntoView();
}

document.addEventListener("keydown", (event) => {
  if (
    event.key !== "/" ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.target.closest("input:not([type=radio]), select, textarea, dialog")
  )
    return;
  event.preventDefault();
  if (current().parts[0] === "search") document.getElementById("query")?.focus();
  else go("/search");
});
