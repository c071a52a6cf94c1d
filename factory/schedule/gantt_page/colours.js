/** Colours of the values that bars are told apart by. */

// light colours that stay apart for colour-blind readers and carry dark text (after Paul Tol)
const PALETTE = ["#77aadd", "#eedd88", "#44bb99", "#ee8866", "#aaaa00", "#ffaabb", "#99ddff", "#bbcc33", "#c4c9cf"];
const PAINTS = {
  white: "#fafaf5",
  silver: "#b3bcc6",
  grey: "#8d97a1",
  gray: "#8d97a1",
  black: "#3d454f",
  red: "#cf5a4e",
  orange: "#ec9a4b",
  yellow: "#f0d65c",
  green: "#4da06c",
  blue: "#4f86cf",
  purple: "#8d6bb5",
  pink: "#f0a6bd",
  brown: "#8a644b",
};
const SHADES = [0, -0.2, 0.35, -0.38, 0.55];

function channels(colour) {
  return [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
}

function shade(colour, share) {
  const end = share > 0 ? 255 : 0;
  const mixed = channels(colour).map((channel) => Math.round(channel + (end - channel) * Math.abs(share)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

export function isDark(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 125;
}

/** Colours of values: the first part of a value gives the colour, the others its shade. */
export function colourValues(values) {
  const firsts = [];
  const shadesOf = new Map();
  const colours = new Map();
  for (const value of values) {
    const first = value.split(" · ")[0];
    if (!shadesOf.has(first)) {
      shadesOf.set(first, 0);
      if (!Object.hasOwn(PAINTS, first)) firsts.push(first);
    }
    const number = firsts.indexOf(first);
    const base = number < 0 ? PAINTS[first] : shade(PALETTE[number % PALETTE.length], SHADES[Math.floor(number / PALETTE.length) % SHADES.length]);
    const step = shadesOf.get(first);
    shadesOf.set(first, step + 1);
    colours.set(value, shade(base, SHADES[step % SHADES.length]));
  }
  return colours;
}
