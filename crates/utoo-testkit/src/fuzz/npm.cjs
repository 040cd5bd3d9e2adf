// npm without the cost of starting it: runs `npm install` and `npm uninstall` in this process, one after another.
//
//   node npm.cjs <npm's own folder>
//
// A line on stdin is {"dir", "args", "env"}, and a line on stdout its answer: {"code": null}, or the code with which
// npm would have ended, and its message; what nobody caught ends this process, as it ends npm, and the line says so with
// "ends". The options are read by npm's own configuration, from the same arguments and files, and given to the function
// that both commands end in.

const path = require('node:path')
const readline = require('node:readline')

const npm = process.argv[2]
const own = name => require(path.join(npm, 'node_modules', name))
const Arborist = own('@npmcli/arborist')
const Config = own('@npmcli/config')
const { definitions, flatten, shorthands, nerfDarts } = own('@npmcli/config/lib/definitions')
const { version } = require(path.join(npm, 'package.json'))

async function run ({ dir, args }) {
  const config = new Config({
    definitions,
    flatten,
    shorthands,
    nerfDarts,
    npmPath: npm,
    argv: [process.execPath, 'npm', ...args],
    // A copy: npm writes its options into it.
    env: { ...process.env },
    cwd: dir,
  })
  await config.load()
  const [command, ...names] = config.parsedArgv.remain
  const key = { install: 'add', uninstall: 'rm' }[command]
  if (!key) {
    throw new Error(`this driver has no command ${command}`)
  }
  const options = {
    ...config.flat,
    nodeVersion: process.version,
    npmVersion: version,
    npmCommand: command,
    auditLevel: null,
    path: config.localPrefix,
    [key]: names,
  }
  await new Arborist(options).reify(options)
}

const answerTo = error => ({ code: error.code || 'EUNKNOWN', message: String(error.message) })

process.on('uncaughtException', error => {
  process.stdout.write(JSON.stringify({ ...answerTo(error), ends: true }) + '\n', () => process.exit(1))
})

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = await run(JSON.parse(line)).then(() => ({ code: null }), answerTo)
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}

main()
