// Records how npm reads `.npmrc` texts: node record-npmrc.cjs > npmrc-cases.json
//
// Each case is a project file; npm runs in a home of its own with exactly the variables TOKEN and EMPTY. What
// `npm config ls --json` says of the file's keys is the expectation.
const { execFileSync } = require('node:child_process')
const { mkdtempSync, writeFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const env = { TOKEN: 'secret', EMPTY: '' }
const cases = {
  plain: 'a=plain\nb = spaced value  \n\n; comment\n# comment\nk.with.dots=1\nflag\nempty=\ny=a=b\nj==v\n=v\n m = 1 \n',
  windows: 'a=1\r\nb=2\r\n\r\nc = "3"\r\n',
  quotes: [
    'c="quoted ; value"', "d='single # q'", 'esc="a\\nb"', 'bad="unterminated', "z='it''s'", "'sk'=3", '"quoted key"=5',
    'w= "q" ', 'x="a" b', 'eq="a=b"', "js='\"js\\u0041on\"'", 'path="C:\\path"', "none=''", 'one="', "p='x", 'h="x" ; c',
    's=\\"x\\"', 'in="p\\"q"', "sq='a\\'b'",
  ].join('\n'),
  comments: ['e=val ; inline', 'f=val # inline', 'g=back\\;slash \\# x \\\\ y', 'l=a  # c', 'n=a\\;b', 'o=\\\\;c',
    't=;x', 'u=#', 'bs=C:\\path\\to', 'end=a\\', 'url=https://registry.example/#x'].join('\n'),
  lists: 'arr[]=one\narr[]=two\narr2=1\narr2[]=2\narr3[]\narr4[]=1\narr4=2\ni[]="q"\n"k[]"=9\n[]=5\ndup=1\ndup=2\n',
  sections: 'a=1\n[section]\nb=2\n[other]\na=3\n',
  unclosed: 'a=1\n[section\nb=2\n',
  words: 't=true\nn=null\nnum=42\nu=undefined\nff=false\nzero=0\n',
  variables: [
    'v1=${TOKEN}', 'v2=${NOPE}', 'v3=${NOPE?}', 'v4=${NOPE-default}', 'v5=${NOPE:-default}', 'v6=\\${TOKEN}',
    'v7=x${TOKEN}y${EMPTY}z', 'v8=\\\\${TOKEN}', 'v9=${TOKEN?}', 'v10=$TOKEN', 'v11=${TOKEN-def}', '${TOKEN}key=1',
    "a='\\${TOKEN}'", "b='\\\\${TOKEN}'", "c='\\\\\\${TOKEN}'", "d='\\\\\\\\${TOKEN}'", "e='\\${NOPE}'",
    "f='\\\\${NOPE}'", "g='\\\\\\${NOPE}'", "h='\\\\\\\\${NOPE?}'", "i='${${TOKEN}}'", "j='${TOKEN}}'", "k='${}'",
    "l='${TOKEN ${TOKEN}'", "m='${a{TOKEN}'", "n='${EMPTY}|${EMPTY?}'", "o='${TOKEN??}'", "p='${ TOKEN }'",
    "q='\\\\a${TOKEN}'", "r='${?}'", "s='${TOKEN'", "t='a}${TOKEN}'", "u='${TOKEN}${TOKEN}'", "w='$${TOKEN}'",
  ].join('\n'),
}

const recorded = Object.entries(cases).map(([name, npmrc]) => {
  const home = mkdtempSync(join(tmpdir(), 'npmrc-'))
  writeFileSync(join(home, 'package.json'), '{}')
  writeFileSync(join(home, '.npmrc'), npmrc)
  const options = { cwd: home, env: { PATH: process.env.PATH, HOME: join(home, 'home'), ...env }, stdio: ['ignore', 'pipe', 'ignore'] }
  const all = JSON.parse(execFileSync('npm', ['config', 'ls', '--json'], options))
  writeFileSync(join(home, '.npmrc'), '')
  const builtin = JSON.parse(execFileSync('npm', ['config', 'ls', '--json'], options))
  rmSync(home, { recursive: true })
  const text = value => Array.isArray(value) ? value.map(String) : String(value)
  // A section arrives as an object; no setting is read from it.
  const isSetting = value => value === null || Array.isArray(value) || typeof value !== 'object'
  const own = Object.entries(all).filter(([key, value]) => !(key in builtin) && isSetting(value))
  return { name, npmrc, expected: Object.fromEntries(own.map(([key, value]) => [key, text(value)])) }
})
const npm = execFileSync('npm', ['--version'], { encoding: 'utf8' }).trim()
process.stdout.write(JSON.stringify({ npm, env, cases: recorded }, null, 1) + '\n')
