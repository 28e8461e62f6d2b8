/**
 * Elements without markup: every string becomes a text node, so no title or name can be read as HTML.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. Properties: `class`, `style` (an object, custom properties too), `on` (listeners by event),
 * `data` (data-… attributes); any other is an attribute. `true` is an empty attribute; `false` and null leave it out.
 */
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for an SVG element. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/**
 * Put these children in place of those that are there. If the one that had the keyboard's focus was named by `data-keep`,
 * its namesake has it afterwards.
 */
export function replace(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement.dataset.keep : undefined;
  element.replaceChildren(...flat(children));
  if (held !== undefined) element.querySelector(`[data-keep="${CSS.escape(held)}"]`)?.focus();
  return element;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style")
      for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
