// Times, sizes and counts as people write them.

/** 83.4 s → "1:23"; with tenths → "1:23.4"; from an hour on "1:02:03". */
export function clock(seconds, tenths = false) {
  const whole = Math.max(0, tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds + 0.05));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A length of time in words: "8 s", "3 min 20 s", "2 h 5 min". */
export function span(seconds) {
  const whole = Math.round(seconds);
  if (whole < 10 && seconds !== whole) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  if (whole < 3600) return `${Math.round(whole / 60)} min`;
  const minutes = Math.round(whole / 60) % 60;
  return `${count(Math.floor(Math.round(whole / 60) / 60))} h${minutes ? ` ${minutes} min` : ""}`;
}

/** 12345 → "12,345". */
export const count = (number) => number.toLocaleString("en");

/** count(2) with its noun: "2 moments", "1 moment". */
export const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Bytes: "3.2 GB". */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (number >= 999.5 && power < units.length - 1) {
    number /= 1000;
    power += 1;
  }
  return `${number.toFixed(power && number < 99.5 ? 1 : 0)} ${units[power]}`;
}
