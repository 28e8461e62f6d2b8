/** What narrows a list: genre, year, and how varied it is to be. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { select } from "./select.js";

const ANY = { value: "", label: "Any genre" };
const YEARS = [1970, 1980, 1990, 2000, 2010].map((year) => ({ value: String(year), label: `${year} on` }));
const VARIETY = [
  { value: "", label: "As ranked" },
  { value: "0.3", label: "More varied" },
  { value: "0.7", label: "As varied as can be" },
];

/** Three choices; `choose` is called with all of them as the server's parameters whenever one changes. */
export function filters(choose, { signal }) {
  const asked = { genre: null, year_min: null, diversity: null };
  const set = (name, read) => (value) => {
    asked[name] = value === "" ? null : read(value);
    choose({ ...asked });
  };
  const place = h("div", { class: "filters" });
  get("/v1/data", {}, { signal }).then(
    ({ genre_shares: genres }) =>
      place.prepend(
        select(
          "Genre",
          [ANY, ...genres.map(({ genre }) => ({ value: genre, label: genre }))],
          "",
          set("genre", String),
        ),
      ),
    (error) => {
      // Without its genres the list can still be had: the other choices stay.
      if (!signal.aborted && error.status === undefined) throw error;
    },
  );
  place.append(
    select("Years", [{ value: "", label: "All years" }, ...YEARS], "", set("year_min", Number)),
    select("Variety", VARIETY, "", set("diversity", Number)),
  );
  return place;
}
