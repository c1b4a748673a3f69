/** No two items have one name. */
export default (items) => {
  const names = items.map((one) => one.name);
  return new Set(names).size < names.length ? [{ message: "has a name twice" }] : [];
};
