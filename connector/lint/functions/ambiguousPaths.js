const isVariable = (part) => part.includes("{");

const ALIKE = {
  capitals: (one, other) => one.toLowerCase() === other.toLowerCase(),
  variables: (one, other, paths) => {
    const [parts, others] = [one.split("/"), other.split("/")];
    return (
      parts.length === others.length &&
      Object.keys(paths[one]).some((method) => method !== "parameters" && method in paths[other]) &&
      parts.every((part, at) => part === others[at] || isVariable(part) || isVariable(others[at]))
    );
  },
};

/** No two paths can be taken for each other. */
export default (paths, { by }, { path }) => {
  const names = Object.keys(paths);
  return names.flatMap((one, at) =>
    names
      .slice(at + 1)
      .filter((other) => ALIKE[by](one, other, paths))
      .map((other) => ({ message: `It cannot always be told from ${one}.`, path: [...path, other] })),
  );
};
