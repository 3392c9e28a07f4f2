/** Which pages of a process can be dropped from memory and read again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanMappings } from '../../../src/linux/program-pages.ts';

function mapping(head: string, { rss = 8, anonymous = 0 } = {}): string {
  return `${head}\nSize:                 16 kB\nRss:                ${rss} kB\nAnonymous:          ${anonymous} kB\nVmFlags: rd ex mr\n`;
}

test('only unmodified mappings of files that are read or executed are dropped', () => {
  const rows = [
    {
      desc: 'code',
      head: '00400000-00402000 r-xp 00000000 fe:00 5316775                   /usr/bin/node',
      clean: true,
    },
    { desc: 'constants', head: '7f0000000000-7f0000002000 r--p 00000000 fe:00 9  /lib/libc.so.6', clean: true },
    { desc: 'relocated', head: '00600000-00602000 r--p 00000000 fe:00 5  /usr/bin/node', anonymous: 4, clean: false },
    { desc: 'data', head: '00700000-00702000 rw-p 00000000 fe:00 5  /usr/bin/node', clean: false },
    { desc: 'heap', head: '00800000-00802000 rw-p 00000000 00:00 0  [heap]', clean: false },
    { desc: 'generated code', head: '7f1000000000-7f1000002000 r-xp 00000000 00:00 0 ', clean: false },
    { desc: 'shared', head: '7f2000000000-7f2000002000 r--s 00000000 fe:00 7  /a', clean: false },
  ];
  for (const { desc, head, anonymous = 0, clean } of rows) {
    assert.equal(cleanMappings(mapping(head, { anonymous })).length, clean ? 1 : 0, desc);
  }
  const all = rows.map(({ head, anonymous = 0 }) => mapping(head, { anonymous })).join('');
  assert.deepEqual(cleanMappings(all), [
    { start: 0x400000n, length: 0x2000, resident: 8_192 },
    { start: 0x7f0000000000n, length: 0x2000, resident: 8_192 },
  ]);
});

test('a mapping that the kernel does not describe completely is not dropped', () => {
  assert.deepEqual(cleanMappings(''), []);
  assert.deepEqual(cleanMappings('00400000-00402000 r-xp 00000000 fe:00 5 /usr/bin/node\nRss: 4 kB\n'), []);
});
