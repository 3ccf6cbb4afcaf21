// Uses the vendor's SDK for Node.js against the sandbox. Each line of standard input has a scenario, as JSON:
// {scenario, endpoint, region, id, secret, keys}. Writes a line with what the SDK returned, or the error that it raised.
const OSS = require('ali-oss');

const PART = 100 * 1024;
const LARGE = Buffer.alloc(3 * PART + 17, 'x');

const scenarios = {
  async hostile_keys(client, { keys }) {
    const seen = { list: [], listV2: [], contents: {} };
    for (const key of keys) {
      await client.put(key, Buffer.from(key));
      seen.contents[key] = (await client.get(key)).content.toString();
    }
    for (let marker; ; ) {
      const page = await client.list({ 'max-keys': 3, 'encoding-type': 'url', ...(marker && { marker }) });
      seen.list.push(...page.objects.map((one) => decodeURIComponent(one.name)));
      if (!page.isTruncated) break;
      marker = decodeURIComponent(page.nextMarker);
    }
    for (let token; ; ) {
      const page = await client.listV2({
        'max-keys': 3, 'encoding-type': 'url', ...(token && { continuationToken: token }),
      });
      seen.listV2.push(...page.objects.map((one) => decodeURIComponent(one.name)));
      if (!page.isTruncated) break;
      token = decodeURIComponent(page.nextContinuationToken);
    }
    return seen;
  },

  async tidied_path(client) {
    await client.put('../..//./x', Buffer.from('hello'));
  },

  async deletes(client) {
    const keys = ['a', 'b&<c>', 'd e', '照片'];
    for (const key of keys) await client.put(key, Buffer.from('hello'));
    const { deleted } = await client.deleteMulti([...keys, 'never was']);
    await client.put('f', Buffer.from('hello'));
    const status = (await client.delete('f')).res.status;
    const left = (await client.listV2({})).objects.map((one) => one.name);
    return { deleted: deleted.map((one) => one.Key), status, left };
  },

  async folders(client) {
    for (const key of ['a', 'b/1', 'b/2', 'c']) await client.put(key, Buffer.from(''));
    const first = await client.list({ delimiter: '/', 'max-keys': 2 });
    const rest = await client.list({ delimiter: '/', marker: first.nextMarker });
    const v2 = await client.listV2({ delimiter: '/' });
    return [first, rest, v2].map((page) => [page.objects.map((one) => one.name), page.prefixes]);
  },

  async multipart(client) {
    const done = await client.multipartUpload('big', LARGE, { partSize: PART, parallel: 2, meta: { author: 'me' } });
    const { content, res } = await client.get('big');
    const { meta } = await client.head('big');
    return { etags: [done.etag, res.headers.etag], equal: content.equals(LARGE), meta };
  },

  async small_part(client) {
    const { uploadId } = await client.initMultipartUpload('a');
    const parts = [];
    for (const number of [1, 2]) {
      const { etag } = await client.uploadPart('a', uploadId, number, LARGE, 0, 10);
      parts.push({ number, etag });
    }
    await client.completeMultipartUpload('a', uploadId, parts);
  },

  async ranges_and_conditions(client) {
    const { res } = await client.put('a', Buffer.from('hello'));
    const part = await client.get('a', { headers: { Range: 'bytes=1-3' } });
    const same = await client.head('a', { headers: { 'If-None-Match': res.headers.etag } });
    const found = await client.get('a', { headers: { 'If-Match': res.headers.etag } });
    return {
      part: [part.res.status, part.content.toString(), part.res.headers['content-range']],
      same: same.status,
      found: found.content.toString(),
    };
  },

  async failed_precondition(client) {
    await client.put('a', Buffer.from('hello'));
    await client.get('a', { headers: { 'If-Match': 'another' } });
  },

  async metadata(client) {
    await client.put('a', Buffer.from('hello'), {
      mime: 'text/plain', meta: { a: '1', 'a-b': '2' }, headers: { 'Cache-Control': 'no-cache' },
    });
    await client.copy('kept', 'a');
    await client.copy('replaced', 'a', { meta: { c: '3' } });
    const seen = {};
    for (const key of ['a', 'kept', 'replaced']) {
      const { meta, res } = await client.head(key);
      seen[key] = [meta, res.headers['content-type'], res.headers['cache-control'] || null];
    }
    return seen;
  },

  async forbidden_to_overwrite(client) {
    const options = { headers: { 'x-oss-forbid-overwrite': 'true' } };
    await client.put('a', Buffer.from('first'), options);
    await client.put('a', Buffer.from('second'), options);
  },

  async more_than_it_can(client) {
    await client.put('a', Buffer.from('hello'));
    const codes = [];
    for (const call of [
      () => client.put('a', Buffer.from(''), { headers: { 'x-oss-storage-class': 'IA' } }),
      () => client.put('a', Buffer.from(''), { callback: { url: 'http://127.0.0.1/', body: 'x' } }),
      () => client.putACL('a', 'public-read'),
      () => client.putObjectTagging('a', { k: 'v' }),
      () => client.get('a', { versionId: 'null' }),
      () => client.deleteMulti([{ key: 'a', versionId: 'null' }]),
    ]) codes.push(await call().then(() => 'done', (error) => error.code));
    return [codes, (await client.get('a')).content.toString()];
  },

  async missing(client) {
    await client.head('a');
  },

  async buckets(client) {
    const first = await client.listBuckets({ 'max-keys': 1 });
    const rest = await client.listBuckets({ marker: first.nextMarker });
    const { bucket } = await client.getBucketInfo('photos');
    const { location } = await client.getBucketLocation('photos');
    const before = await client.getBucketVersioning('photos');
    return {
      names: [...first.buckets, ...rest.buckets].map((one) => one.name),
      info: [bucket.Name, bucket.StorageClass],
      location,
      versioning: before.versionStatus || null,
    };
  },

  async versioning(client) {
    await client.putBucketVersioning('photos', 'Enabled');
    const { versionStatus } = await client.getBucketVersioning('photos');
    const { res } = await client.put('a', Buffer.from('hello'));
    return [versionStatus, typeof res.headers['x-oss-version-id']];
  },
};

async function play(input) {
  const client = new OSS({
    endpoint: input.endpoint,
    region: `oss-${input.region}`,
    accessKeyId: input.id,
    accessKeySecret: input.secret,
    bucket: 'photos',
    authorizationV4: true,
  });
  try {
    return { returned: (await scenarios[input.scenario](client, input)) ?? null };
  } catch (error) {
    return { raised: { name: error.name, code: error.code, status: error.status, message: error.message } };
  }
}

async function main() {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
  }
  process.exit(0);
}

main();
