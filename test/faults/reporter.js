// One line for each row of the fault table, with its figure, and the count at the end.

export default async function * report (source) {
  const count = { passed: 0, failed: 0 }
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.nesting === 0 && !data.name.endsWith('.ts')) count.passed++
    if (type === 'test:diagnostic' && /^F\d+ /.test(data.message)) yield `ok      ${data.message}\n`
    if (type === 'test:fail' && data.nesting === 0) {
      count.failed++
      yield `FAILED  ${data.name}: ${data.details.error.cause?.message ?? data.details.error.message}\n`
    }
    if (type === 'test:stderr') yield data.message
  }
  yield `${count.passed} passed, ${count.failed} failed\n`
}
