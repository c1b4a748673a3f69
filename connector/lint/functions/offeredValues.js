const BREAKS = {
  "in the enum": (value, _, values) => !values.includes(value),
  "offered once": (value, before) => before.includes(value),
};

/** The values that a drop-down offers fit the enum beside them, and each other. */
export default (schema, { are }, { path }) => {
  const offered = (schema["x-ms-enum-values"] ?? []).map((one) => one.value);
  return offered
    .filter((value, at) => BREAKS[are](value, offered.slice(0, at), schema.enum ?? []))
    .map((value) => ({ message: `"${value}" is not ${are}.`, path: [...path, "x-ms-enum-values"] }));
};
