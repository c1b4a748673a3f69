const PREFIX = "#/definitions/";

function referencesIn(value) {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, one]) =>
    key === "$ref" && typeof one === "string" ? [one.slice(PREFIX.length)] : referencesIn(one),
  );
}

/** No definition leads to itself, at whatever distance. */
export default (definitions, _, { path }) =>
  Object.keys(definitions)
    .filter((name) => {
      const reached = new Set(referencesIn(definitions[name]));
      // A set gives what is added to it while it is walked, too.
      for (const one of reached) for (const next of referencesIn(definitions[one])) reached.add(next);
      return reached.has(name);
    })
    .map((name) => ({ message: "contains itself", path: [...path, name] }));
