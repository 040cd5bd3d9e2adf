// npm without the cost of starting it: runs `npm install` and `npm uninstall` in this process, one after another.
//
//   node npm.cjs <npm's own folder>
//
// A line on stdin is {"dir", "args", "env"}, and a line on stdout its answer: {"code": null}, or the code with which
// npm would have ended, its message, and whether a workspace had lost its link by then ("lost"); what nobody caught ends
// this process, as it ends npm, and the line says so with "ends". The options are read by npm's own configuration, from
// the same arguments and files, and given to the function that both commands end in.

const path = require('node:path')
const readline = require('node:readline')

const npm = process.argv[2]
const own = name => require(path.join(npm, 'node_modules', name))
const Arborist = own('@npmcli/arborist')
const Config = own('@npmcli/config')
const { definitions, flatten, shorthands, nerfDarts } = own('@npmcli/config/lib/definitions')
const { version } = require(path.join(npm, 'package.json'))

// The folders of the workspaces whose links this run has taken out of a tree.
const unlinked = new Set()
const Children = own('@npmcli/arborist/lib/case-insensitive-map.js')
const takeOut = Children.prototype.delete
Children.prototype.delete = function (name) {
  const child = this.get(name)
  if (child?.isLink && child.isWorkspace) {
    unlinked.add(child.realpath)
  }
  return takeOut.call(this, name)
}

// Whether a workspace of the tree that the run ended with has a folder whose link went, and no link.
function lost (tree) {
  const workspaces = [...(tree?.workspaces ?? [])]
  return workspaces.some(([name, folder]) => unlinked.has(folder) && !tree.edgesOut.get(name)?.to)
}

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
  unlinked.clear()
  const arborist = new Arborist(options)
  await arborist.reify(options).catch(error => {
    error.lost = lost(arborist.idealTree)
    throw error
  })
}

const answerTo = error => ({
  code: error.code || 'EUNKNOWN',
  message: String(error.message),
  lost: Boolean(error.lost),
})

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
