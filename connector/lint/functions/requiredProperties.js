const BREAKS = {
  defined: (one, required) => required && one === undefined,
  writable: (one, required) => required && one?.readOnly === true,
  "exactly the internal ones with a default": (one, required) =>
    one?.["x-ms-visibility"] === "internal" && "default" in one !== required,
};

/** The required properties of a schema are what they have to be. */
export default (schema, { are }, { path }) => {
  const properties = schema.properties ?? {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return [...new Set([...Object.keys(properties), ...required])]
    .filter((name) => BREAKS[are](properties[name], required.includes(name)))
    .map((name) => ({ message: `"${name}" is not ${are}.`, path: [...path, "properties", name] }));
};
