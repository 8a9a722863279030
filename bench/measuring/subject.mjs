// Measures one subject in this process, and sends the result to the parent.
const [subject, options] = process.argv.slice(2)

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
// Exit if the parent is gone, because no process needs the result.
process.once('disconnect', () => process.exit(1))
const { measure } = await import(`../subjects/${subject}.mjs`)
const { figures = {}, tables, charts = [] } = await measure(JSON.parse(options))
process.send({ figures, tables, charts }, () => process.exit(0))
