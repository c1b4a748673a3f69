// Reads queries by their names, as JSON, and writes what Kusto's own language service says of each, and its columns.
// https://github.com/microsoft/Kusto-Query-Language
"use strict";
require("@kusto/language-service-next/bridge.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.js");

const { KustoCode, GlobalState } = globalThis.Kusto.Language;

// The service is C# in the shape of JavaScript: its lists are no arrays.
const listed = (list) => Array.from({ length: list.Count }, (_, index) => list.getItem(index));

function judge(query) {
  const code = KustoCode.ParseAndAnalyze(query, GlobalState.Default);
  const said = listed(code.GetDiagnostics()).map(
    (one) => `${one.Severity} ${one.Code} at ${JSON.stringify(query.substr(one.Start, 30))}: ${one.Message}`,
  );
  const columns = code.ResultType?.Columns ? listed(code.ResultType.Columns) : [];
  return { said, columns: Object.fromEntries(columns.map((one) => [one.Name, one.Type.Name])) };
}

const queries = JSON.parse(require("fs").readFileSync(0, "utf8"));
const judged = Object.entries(queries).map(([name, query]) => [name, judge(query)]);
process.stdout.write(JSON.stringify(Object.fromEntries(judged)));
