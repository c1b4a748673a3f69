/** What tries a new connection is an operation: a GET, internal, and without required parameters. */
export default (document) => {
  const test = document["x-ms-capabilities"]?.testConnection;
  const operations = Object.values(document.paths ?? {}).flatMap((item) => Object.entries(item));
  const named = operations.find(([, one]) => one.operationId && one.operationId === test?.operationId);
  const [method, operation] = named ?? [];
  const fits =
    method === "get" &&
    operation["x-ms-visibility"] === "internal" &&
    !(operation.parameters ?? []).some((parameter) => parameter.required);
  return fits ? [] : [{ message: "names no internal GET", path: ["x-ms-capabilities"] }];
};
