/** No parameter outside of the body has the name of a property of the body. */
export default (parameters, _, { path }) => {
  const properties = parameters.flatMap((one) => Object.keys(one.schema?.properties ?? {}));
  return parameters.flatMap((one, at) =>
    one.in !== "body" && properties.includes(one.name)
      ? [{ message: `"${one.name}" is the name of a parameter and of a property.`, path: [...path, at, "name"] }]
      : [],
  );
};
