import neostandard from 'neostandard'

/** Imports go one way: a floor may import those below it, never those above. Listed from the ground up. */
const floors = ['core', 'backplane', 'handshake', 'routes', 'channels']
const frameworks = ['fastify', 'fastify/*', '@fastify/websocket', '@fastify/cookie', 'fastify-plugin', 'ws', '@redis/*', 'node:http', 'node:net']

function restricted (files, patterns) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } }
}

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', 'coverage/**', 'node_modules/**'] }),
  {
    files: ['**/*.ts', '**/*.js'],
    rules: {
      '@stylistic/max-len': ['error', { code: 180, ignoreStrings: true, ignoreTemplateLiterals: true }]
    }
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'max-lines': ['error', { max: 250 }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme'] }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: true }]
    }
  },
  ...floors.map((floor, height) => {
    const above = floors.slice(height + 1).map(name => `**/${name}/**`)
    const upstairs = ['**/plugin.ts', '**/index.ts']
    // The core knows nothing of the libraries around it, not even their types, nor of the options made for them.
    const extra = floor === 'core' ? [...frameworks, '**/options.ts', '**/*-options.ts', '**/api.ts'] : []
    return restricted([`src/${floor}/**/*.ts`], [{ group: [...above, ...upstairs, ...extra], message: `src/${floor} must not import this: imports go down one way.` }])
  }),
  restricted(['src/errors.ts', 'src/close-codes.ts'], [{ group: ['./*', '../*'], message: 'The ground floor imports nothing of ours.' }])
]
