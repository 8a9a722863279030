// Measures one subject in this process, and says what came out.
const [subject, options] = process.argv.slice(2)

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
// Whoever asked is gone: there is nobody to measure for.
process.once('disconnect', () => process.exit(1))
const { measure } = await import(`../subjects/${subject}.mjs`)
const { figures = {}, tables, charts = [] } = await measure(JSON.parse(options))
process.send({ figures, tables, charts }, () => process.exit(0))
