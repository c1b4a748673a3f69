const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];

/** How many schemas a schema has, itself included. */
function schemasIn(schema) {
  const parts = [...Object.values(schema.properties ?? {}), ...(schema.allOf ?? [])];
  for (const one of [schema.items, schema.additionalProperties]) if (one && typeof one === "object") parts.push(one);
  return parts.reduce((sum, one) => sum + schemasIn(one), 1);
}

const COUNT = {
  operations: (document) =>
    Object.values(document.paths).flatMap((item) => METHODS.filter((method) => method in item)).length,
  schemas: schemasIn,
};

/** There are no more of a kind than Power Platform takes. */
export default (value, { kind, most }) => {
  const count = COUNT[kind](value);
  return count > most ? [{ message: `has ${count} ${kind}; up to ${most} are allowed` }] : [];
};
