// What the model view's address says: video, stretch, frames, and settings that are not as by default.

import { sameAs } from "./masks_controls.js";
import { FRAMES } from "./masks_stretch.js";

/** What an address of the view asks; a start that it does not tell is null. */
export function read(known) {
  const given = new URLSearchParams(location.search);
  const number = (name) => (given.get(name) ? Number(given.get(name)) : NaN);
  const finite = (value, otherwise) => (Number.isFinite(value) ? value : otherwise);
  const settings = {};
  for (const setting of known) {
    const text = given.get(setting.name);
    if (text !== null && !sameAs(setting, text)) settings[setting.name] = text;
  }
  const frames = Math.round(finite(number("frames"), FRAMES.default));
  return {
    video: given.get("video") ?? "",
    start: finite(number("start"), null),
    end: finite(number("end"), null),
    frames: Math.min(FRAMES.most, Math.max(FRAMES.least, frames)),
    settings,
  };
}

/** What is asked, as such an address. */
export function addressOf({ video, start, end, frames, settings }) {
  const told = new URLSearchParams();
  if (video) told.set("video", video);
  if (start !== null && (start || end !== null)) told.set("start", rounded(start));
  if (end !== null) told.set("end", rounded(end));
  if (frames !== FRAMES.default) told.set("frames", frames);
  for (const [name, value] of Object.entries(settings)) told.set(name, value);
  const text = told.toString();
  return text ? `/model?${text}` : "/model";
}

const rounded = (seconds) => String(Math.round(seconds * 100) / 100);
