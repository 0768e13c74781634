// Elements, icons and small signs that all views are made of.

/**
 * An element: el("a.quiet", { href: "/" , onclick }, "text", child, …).
 * Properties that start with "on" listen; null and false children are left out.
 */
export function el(what, given = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag || "div");
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className += ` ${value}`;
    else if (name in PROPERTIES) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return made;
}

const PROPERTIES = { value: 1, checked: 1, muted: 1, disabled: 1, indeterminate: 1 };

const PATHS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.3 15.3 20 20",
  close: "M6 6l12 12M18 6 6 18",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 6v12M15.5 6v12",
  check: "M5 12.5l4.5 4.5L19 7.5",
  plus: "M12 5v14M5 12h14",
  like: "M4 8h11v11H4zM9 8V4h11v11h-5",
  export: "M12 4v11M7.5 10.5 12 15l4.5-4.5M5 19.5h14",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  auto: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 4v16M14 6.5v11M16.5 8v8",
  keyboard: "M3 7h18v11H3zM7 11h.01M10.3 11h.01M13.6 11h.01M17 11h.01M8 14.5h8",
  folder: "M3.5 6.5h6l2 2.5h9v10h-17z",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9.5h4M4 14.5h4M16 9.5h4M16 14.5h4",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M6 9.5l6 6 6-6",
  loop: "M17 3.5l3 3-3 3M4 12v-1.5a4 4 0 0 1 4-4h12M7 20.5l-3-3 3-3M20 12v1.5a4 4 0 0 1-4 4H4",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 7.5V12l3 2",
  part: "M4 5h9l-2 4 3 3-2 3 1 4H4zM16.5 5H20v14h-3.5l-1-3.5 2-3-2.5-3.5z",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  mute: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17h.01",
  unplugged: "M8 3v4M14 3v4M5.5 7h11v3.5a5.5 5.5 0 0 1-11 0zM11 16v5M19 14l2.5 2.5M21.5 14 19 16.5",
  motion: "M3 8h8M5 12h9M3 16h8M15.5 8.5a3.5 3.5 0 1 1 0 7",
  help: "M9 9.2a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 2M12 17.5h.01",
  why: "M12 5C7 5 3.5 9 2.5 12c1 3 4.5 7 9.5 7s8.5-4 9.5-7c-1-3-4.5-7-9.5-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  out: "M8 16l9-9M9 7h8v8",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.5M20 4.5v5h-5",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
};

/** A line icon; purely decorative, so the button around it needs its own name. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon alone: its name is told as tooltip and to screen readers. */
export function iconButton(name, label, onclick, key = "") {
  return el(
    "button.icon-button",
    { type: "button", "aria-label": label, title: key ? `${label} (${key})` : label, onclick },
    icon(name),
  );
}

/** A view's own style sheet, loaded once; resolves when it applies. */
export function style(href) {
  const there = document.querySelector(`link[href="${href}"]`);
  if (there) return Promise.resolve();
  return new Promise((done) => {
    const link = el("link", { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(link);
  });
}

/** What stands in for content: nothing there yet, nothing found, an error. */
export function notice({ sign = "film", title, text = "", actions = [], tone = "" }) {
  return el(
    "section.notice",
    { class: tone, role: tone === "bad" ? "alert" : null },
    el("div.notice-sign", {}, icon(sign)),
    el("h2", {}, title),
    text && el("p", {}, text),
    actions.length > 0 && el("div.row", {}, actions),
  );
}

/** An ApiError (or any other) as a notice, with a way to try again. */
export function errorNotice(error, again) {
  return notice({
    sign: error.code === "unreachable" ? "unplugged" : "warning",
    title: error.message,
    text: error.hint ?? "",
    tone: "bad",
    actions: again ? [el("button.button", { type: "button", onclick: again }, "Try again")] : [],
  });
}

/** A short message at the foot of the page. */
export function toast(text, tone = "") {
  const shown = el("p.toast", { class: tone }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), tone === "bad" ? 8000 : 3500);
}
