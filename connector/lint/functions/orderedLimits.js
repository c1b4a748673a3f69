const LIMITS = [
  ["minimum", "maximum"],
  ["minLength", "maxLength"],
  ["minItems", "maxItems"],
];

/** No lower limit is above its upper one. */
export default (schema, _, { path }) =>
  LIMITS.filter(([least, most]) => schema[least] > schema[most]).map(([least, most]) => ({
    message: `${least} is more than ${most}`,
    path: [...path, least],
  }));
