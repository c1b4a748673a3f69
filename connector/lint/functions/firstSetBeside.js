/** Beside several ways to connect stand the parameters of the first. */
export default ({ connectionParameters, connectionParameterSets }, _, { path }) => {
  const [first] = connectionParameterSets?.values ?? [];
  return first && JSON.stringify(first.parameters) !== JSON.stringify(connectionParameters)
    ? [{ message: "must be those of the first set", path: [...path, "connectionParameters"] }]
    : [];
};
