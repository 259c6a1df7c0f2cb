import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib', 'node_modules', '.tests', 'dev/dist'] },
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Text goes in as text: use h() or textContent.' },
        { property: 'outerHTML', message: 'Text goes in as text: use h() or textContent.' },
        { property: 'insertAdjacentHTML', message: 'Text goes in as text: use h() or textContent.' }
      ],
      eqeqeq: 'error',
      'max-lines': ['error', 400]
    }
  },
  { files: ['scripts/**'], languageOptions: { globals: { URL: 'readonly' } } }
);
