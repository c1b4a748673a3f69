const words = (text) => String(text ?? "").replace(/\.+$/, "").toLowerCase();

/** A description says something else than the summary. */
export default ({ summary, description }, _, { path }) =>
  words(summary) === words(description)
    ? [{ message: "must say more than the summary", path: [...path, "description"] }]
    : [];
