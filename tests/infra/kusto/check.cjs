// Checks every query of the alerts, the workbook and the mask with Microsoft's parser: syntax, tables, columns, functions.
//   NODE_PATH=…/node_modules node check.cjs
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

require('@kusto/language-service-next/bridge.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.js');
const { GlobalState, KustoCode, Diagnostic, Symbols } = Kusto.Language;

// The columns that the queries use, with the types that Azure Monitor documents.
const tables = {
  AppEvents: 'TimeGenerated: datetime, Name: string, Properties: dynamic, ItemCount: int',
  AppDependencies:
    'TimeGenerated: datetime, Id: string, DependencyType: string, Success: bool, Properties: dynamic, ItemCount: int',
  AppExceptions: 'TimeGenerated: datetime, SeverityLevel: int, ParentId: string, ItemCount: int',
  AppRequests:
    'TimeGenerated: datetime, Id: string, Name: string, OperationName: string, Success: bool, Url: string, ResultCode: string, Properties: dynamic, ItemCount: int',
  _LogOperation: 'TimeGenerated: datetime, Category: string, Detail: string',
};
const workspace = new Symbols.DatabaseSymbol.$ctor1(
  'workspace',
  Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name)),
);
const globals = GlobalState.Default.WithDatabase(workspace);

function faults(query) {
  const diagnostics = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: diagnostics.Count }, (_, i) => System.Array.getItem(diagnostics, i, Diagnostic).Message);
}

const infra = join(__dirname, '..', '..', '..', 'infra');
const queries = {};
for (const file of readdirSync(join(infra, 'queries'))) {
  // modules/alerts.bicep puts the threshold before each query.
  queries[file] = `let threshold = 1;\n${readFileSync(join(infra, 'queries', file), 'utf8')}`;
}
// Azure Monitor runs the mask on each request before it is stored, under the name `source`, and on one line.
queries['mask-requests.kql'] = `let source = AppRequests;\n${readFileSync(join(infra, 'modules', 'mask-requests.kql'), 'utf8').replaceAll('\n', ' ')}`;
for (const { name, content } of JSON.parse(readFileSync(join(infra, 'workbook.json'), 'utf8')).items) {
  if (content.query) queries[`workbook.json ${name}`] = content.query;
}

const lines = Object.entries(queries).flatMap(([name, query]) => faults(query).map((fault) => `${name}: ${fault}`));
if (!faults('AppEvents | where NoSuchColumn == 1').length) lines.push('the parser accepts a column that does not exist');
if (lines.length) console.error(lines.join('\n'));
console.log(`kusto: ${Object.keys(queries).length} queries, ${lines.length} faults`);
process.exit(lines.length ? 1 : 0);
