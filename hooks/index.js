"use strict";

/**
 * Programs that run before and after `s init`. Before the tool writes a file, `preInit` lists the requirements, and
 * refuses wrong answers on the command line, or a folder that the tool would empty. `postInit` checks the answers to the
 * prompts, stores Huawei's keys in the tool's secret store, and prints the next steps.
 *
 * The tool ignores an exception of a hook and ends with 0, so a failure prints the remedy and ends the process with 1.
 */

const { spawnSync } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");

const SECRETS = ["HW_AK", "HW_SK"];
// Regions in which OMS has sync tasks, with the names in both consoles.
const OMS_REGIONS = {
  "cn-north-4": ["CN North-Beijing4", "华北-北京四"],
  "cn-east-3": ["CN East-Shanghai1", "华东-上海一"],
  "cn-southwest-2": ["CN Southwest-Guiyang1", "西南-贵阳一"],
};
// Regions in which Function Compute has no python3.12 (Function Compute, "Python", October 2026).
const WITHOUT_PYTHON_312 = ["cn-wulanchabu", "ap-southeast-1", "ap-southeast-3", "ap-southeast-5", "me-central-1"];
const GITIGNORE_LINES = [".env", ".s/", "__pycache__/", "*.before-setup"];

const { LC_ALL, LC_MESSAGES, LANG } = process.env;
// Windows sets none of the three.
const isChinese = /^zh/i.test(LC_ALL || LC_MESSAGES || LANG || Intl.DateTimeFormat().resolvedOptions().locale);
// Synchronous, because `process.exit` drops output that is still buffered.
const print = (line) => fs.writeSync(1, `${line}\n`);
const choose = (english, inChinese) => (isChinese ? inChinese : english);
const printText = (english, inChinese) => print(choose(english, inChinese));
/** Return a word, quoted for the shell if necessary. */
const quoteWord = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`);
/** True if the tool keeps the contents of the folder; otherwise the tool empties it first. */
const keepsFolder = () => process.argv.includes("--no-overwrite");
const isInGit = (folder) => fs.existsSync(path.join(folder, ".git"));

async function preInit(paths) {
  try {
    // The tool ignores unknown names in --parameters, and takes the defaults of missing ones.
    const passed = readPassedAnswers();
    const isUnattended = process.argv.includes("-y") || Object.keys(passed).length > 0;
    const problems = checkFolder(paths.appPath);
    if (isUnattended) problems.push(...checkPassedAnswers(readQuestions(), passed));
    if (problems.length > 0) fail(problems, paths);
    if (!isUnattended) {
      printRequirements();
      proposeAnswers(paths);
    }
  } catch (error) {
    fail([error.message], paths);
  }
}

async function postInit({ artTemplate, ...paths }) {
  const { appPath } = paths;
  let answers;
  try {
    const questions = readQuestions();
    answers = readAnswers(questions, appPath, artTemplate);
    // First, so that no secret can be committed even if the answers are refused.
    writeGitignore(path.join(appPath, ".gitignore"));
    writeEnv(path.join(appPath, ".env"));
    if (!("runtime" in readPassedAnswers())) {
      answers.runtime = WITHOUT_PYTHON_312.includes(answers.region) ? "python3.10" : "python3.12";
    }
    // An upgrade passes the earlier answer.
    if (!("alertLanguage" in readPassedAnswers())) answers.alertLanguage = choose("en", "zh");
    answers.logBucket = answers.logBucket || proposeLogBucket(answers.sourceBucket);
    const areSecretsStored = takeSecrets(answers);
    const problems = checkAnswers(questions, answers, areSecretsStored);
    if (problems.length > 0) fail(problems, paths, { answers });
    const hasSecrets = areSecretsStored || answers.HW_AK !== "";
    if (hasSecrets) keepSecrets(answers, areSecretsStored);
    const [accessKey, secretKey] = SECRETS.map((name) =>
      hasSecrets ? `\${secret('${answers.functionName}_${name}')}` : "",
    );
    warnOfRegion(answers.SYNC_URL);
    fs.writeFileSync(path.join(appPath, "answers.json"), `${JSON.stringify(removeSecrets(answers), null, 2)}\n`);
    printNextSteps(appPath, answers, hasSecrets);
    return {
      access: answers.access || "default",
      runtime: answers.runtime,
      logBucket: answers.logBucket,
      accessKey,
      secretKey,
      alertLanguage: answers.alertLanguage,
      // The tool appends the secrets that it asked for to .env. Its store has them already, so .env gets empty values.
      HW_AK: "",
      HW_SK: "",
    };
  } catch (error) {
    return fail([error.message], paths, { answers });
  }
}

function readQuestions() {
  return JSON.parse(fs.readFileSync(path.join(__dirname, "questions.json"), "utf8"));
}

/** Return the folder and the answers of the newest project beside this folder; undefined if there is none. */
function findNewestProject(appPath) {
  const parent = path.dirname(path.resolve(appPath));
  const projects = fs
    .readdirSync(parent)
    .map((name) => path.join(parent, name, "answers.json"))
    .filter((file) => fs.existsSync(file))
    .map((file) => ({ file, written: fs.statSync(file).mtimeMs }))
    .sort((first, second) => second.written - first.written);
  if (projects.length === 0) return undefined;
  return { folder: path.dirname(projects[0].file), answers: JSON.parse(fs.readFileSync(projects[0].file, "utf8")) };
}

/** Propose the regions of a project beside this folder: the tool reads the defaults of the questions after this hook. */
function proposeAnswers({ appPath, tempAppPath }) {
  const project = findNewestProject(appPath);
  if (project === undefined) return;
  const file = path.join(tempAppPath, "publish.yaml");
  let manifest = fs.readFileSync(file, "utf8");
  for (const name of ["region", "destinationRegion"]) {
    const { enum: choices } = readQuestions().properties[name];
    const answer = project.answers[name];
    const line = new RegExp(`(\\n    ${name}:\\n(?:      .*\\n)*?      default: ).*`);
    if (choices.includes(answer)) manifest = manifest.replace(line, (_, before) => `${before}${answer}`);
  }
  fs.writeFileSync(file, manifest);
  const { region, destinationRegion } = project.answers;
  const settings = path.join(project.folder, "s.yaml");
  const [, access] = (fs.existsSync(settings) && /^access: *"?([\w-]+)/m.exec(fs.readFileSync(settings, "utf8"))) || [];
  printText(
    `The regions of ${project.folder} are proposed: ${region} and ${destinationRegion}.`,
    `默认采用 ${project.folder} 的地域和区域：${region}、${destinationRegion}。`,
  );
  if (access) {
    printText(
      `To use that project's Alibaba Cloud keys, add this option: -a ${access}\n`,
      `要使用该项目的阿里云密钥，请加上选项：-a ${access}\n`,
    );
  }
}

/** Return the last value of an option of `s init`, which runs in this process; undefined without the option. */
function readOption(name) {
  const values = process.argv.map((word, index) => {
    if (word === name) return process.argv[index + 1];
    return word.startsWith(`${name}=`) ? word.slice(name.length + 1) : undefined;
  });
  return values.filter((value) => value !== undefined).pop();
}

/** Return the answers in --parameters. */
function readPassedAnswers() {
  return JSON.parse(readOption("--parameters") || "{}") || {};
}

/** Return the problems of the answers in --parameters, including unknown names. */
function checkPassedAnswers(questions, passed) {
  if (Object.keys(passed).length === 0) {
    const example = `s init oss-oms-sync -y -a default --parameters '{"region": "cn-hangzhou", ...}'`;
    return [
      choose(
        `No answers were passed. With -y, the tool asks no questions: pass all answers in --parameters, for example: ${example}`,
        `没有收到任何答案。使用 -y 时工具不会提问，请用 --parameters 一次给出全部答案，例如：${example}`,
      ),
    ];
  }
  const names = Object.keys(questions.properties);
  const unknown = Object.keys(passed).filter((name) => !names.includes(name));
  const answers = Object.fromEntries(names.map((name) => [name, chooseAnswer(questions.properties[name], passed[name])]));
  const areSecretsStored = takeSecrets(answers);
  return [...unknown.map((name) => describeUnknownName(name, names)), ...checkAnswers(questions, answers, areSecretsStored)];
}

/** Return the answer that the tool will use; the random suffix of a default does not matter here. */
function chooseAnswer(question, passed) {
  if (passed !== undefined) return passed;
  return (question.default || "").replace("${default-suffix}", "xxxx");
}

function describeUnknownName(name, names) {
  const distances = names.map((candidate) => distance(name.toLowerCase(), candidate.toLowerCase()));
  const minDistance = Math.min(...distances);
  const nearest = names[distances.indexOf(minDistance)];
  return minDistance <= name.length / 2
    ? choose(`${name} is not a parameter. Did you mean ${nearest}?`, `没有参数 ${name}。是否想写 ${nearest}？`)
    : choose(`${name} is not a parameter. The parameters are: ${names.join(", ")}`, `没有参数 ${name}。可用的参数：${names.join("、")}`);
}

/** Return the number of added, removed or replaced characters between two texts (Levenshtein distance). */
function distance(text, other) {
  let above = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 0; row < text.length; row++) {
    const current = [row + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = above[column] + (text[row] === other[column] ? 0 : 1);
      current.push(Math.min(replaced, above[column + 1] + 1, current[column] + 1));
    }
    above = current;
  }
  return above[other.length];
}

/** Return the answers. The tool passes them only to templates, so this renders a template, reads it and deletes it. */
function readAnswers(questions, appPath, artTemplate) {
  const file = path.join(appPath, ".answers.json");
  const names = [...Object.keys(questions.properties), "access"];
  const template = names.map((name) => `${JSON.stringify(name)}: {{ ${name} | tojson }}`).join(",\n");
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, `{${template}}`, { mode: 0o600 });
  try {
    artTemplate(".answers.json");
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/**
 * Take secrets that are not in --parameters (the command line would show them) from the environment. Return true if there
 * are none and the tool's store has both already.
 */
function takeSecrets(answers) {
  for (const name of SECRETS) {
    // An upgrade passes the reference of s.yaml, which the tool renders incompletely.
    const isLeftOut = answers[name] === "" || String(answers[name]).startsWith("${secret(");
    if (isLeftOut) answers[name] = process.env[name] || "";
  }
  // AK and SK are a pair: a new AK does not match a stored SK.
  if (SECRETS.some((name) => answers[name] !== "")) return false;
  const stored = runTool("secret", "get").stdout.split(/\r?\n/);
  return SECRETS.every((name) => stored.some((line) => line.startsWith(`${answers.functionName}_${name}:`)));
}

/** Return a name for the log bucket with a random suffix, because names of buckets are unique among all accounts. */
function proposeLogBucket(sourceBucket) {
  const end = `-oms-log-${crypto.randomBytes(2).toString("hex")}`;
  return `${String(sourceBucket).slice(0, 63 - end.length)}${end}`;
}

/** Return the problems of all answers, without secrets: the tool checks --parameters less than its prompts. */
function checkAnswers({ properties, required }, answers, areSecretsStored) {
  const problems = [];
  // Both secrets can follow later, but not one alone; and an upgrade never removes those of s.yaml.
  const needsSecrets = SECRETS.some((name) => answers[name] !== "") || (keepsFolder() && answers.SYNC_URL && !areSecretsStored);
  for (const [name, { title, description, pattern, enum: choices }] of Object.entries(properties)) {
    const answer = answers[name];
    const answerText = SECRETS.includes(name) ? "" : ` ${JSON.stringify(answer)}`;
    // Titles and descriptions in publish.yaml have the Chinese text first.
    const label = `${name}${choose(` (${title.split(" / ")[1]})`, `（${title.split(" / ")[0]}）`)}`;
    const end = description.lastIndexOf("。") + 1;
    const meaning = choose(` ${description.slice(end).trim()}`, description.slice(0, end));
    if (answer === "" && (required.includes(name) || (needsSecrets && SECRETS.includes(name)))) {
      const secretHint = SECRETS.includes(name)
        ? choose(
            ` Set the environment variable ${name}: read -rs ${name}; export ${name} (the input is not shown).`,
            `请设置环境变量 ${name}。可执行 read -rs ${name}; export ${name}，输入不回显。`,
          )
        : "";
      problems.push(`${label}${choose(" is empty.", "不能为空。")}${secretHint}${meaning}`);
    } else if (typeof answer !== "string") {
      problems.push(`${label}${choose(` is${answerText}, not text. Put the value in quotes.`, `的值${answerText} 不是文本，请加引号。`)}`);
    } else if (choices && !choices.includes(answer)) {
      const choiceList = choices.join(choose(", ", "、"));
      problems.push(`${label}${choose(` cannot be${answerText}. Choose one of: ${choiceList}`, `不能是${answerText}。可选值：${choiceList}`)}`);
    } else if (pattern && !new RegExp(pattern).test(answer)) {
      problems.push(`${label}${choose(` cannot be${answerText}.`, `不能是${answerText}。`)}${meaning}`);
    }
  }
  if (answers.sourceBucket && answers.sourceBucket === answers.logBucket) {
    problems.push(
      choose(
        "logBucket is the source bucket: each record would invoke the function again, endlessly. Choose another bucket.",
        "logBucket 与源 Bucket 相同：每条记录都会再次触发函数，无限循环。请换一个 Bucket。",
      ),
    );
  }
  return problems;
}

/**
 * Return the problem of the project's folder, if it has one. The tool empties the folder, including `.git`, and with -y
 * it does not ask. With --no-overwrite it replaces every file that the package has, too.
 */
function checkFolder(appPath) {
  if (!fs.existsSync(appPath)) return [];
  const remedy = choose(
    `Choose another folder with -d. To upgrade a project, follow "Upgrade" in the project's docs/lifecycle.md.`,
    "请用 -d 指定其他目录。若要升级已有项目，请按其 docs/lifecycle.zh.md 的“升级”一节操作。",
  );
  if (!keepsFolder()) {
    if (fs.readdirSync(appPath).length === 0) return [];
    return [
      choose(
        `${appPath} is not empty, and the tool would delete its contents. ${remedy}`,
        `目录 ${appPath} 不为空，工具会删除其中的全部内容。${remedy}`,
      ),
    ];
  }
  const name = listFiles(path.join(__dirname, "..", "src")).find((file) => fs.existsSync(path.join(appPath, file)));
  if (name === undefined) return [];
  return [
    choose(
      `${appPath} already has ${name}, and the tool would replace the file, even with --no-overwrite. ${remedy}`,
      `目录 ${appPath} 中已有 ${name}，即使使用 --no-overwrite，工具也会替换该文件。${remedy}`,
    ),
  ];
}

/** Return the paths of all files below a folder, relative to it: Node.js 14 has no `recursive`. */
function listFiles(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? listFiles(path.join(folder, entry.name)).map((name) => path.join(entry.name, name))
        : [entry.name],
    );
}

/**
 * Print the problems, and end `s init` with 1, which an exception would not do. If the project was `begun`, delete its
 * files, and print a command with its answers.
 */
function fail(problems, { appPath, tempAppPath }, begun) {
  fs.rmSync(tempAppPath, { recursive: true, force: true });
  printText("\n`s init` stopped, because of these problems:", "\n`s init` 已停止，原因如下：");
  for (const problem of problems) print(`  - ${problem}`);
  if (begun && !keepsFolder()) {
    for (const name of fs.readdirSync(appPath)) fs.rmSync(path.join(appPath, name), { recursive: true, force: true });
  } else if (keepsFolder() && isInGit(appPath)) {
    printText(
      "If files are missing from this folder now, `git reset --hard` restores them.",
      "如果该目录中的文件现已缺失，`git reset --hard` 可恢复原样。",
    );
  }
  if (begun?.answers) printRetryCommand(appPath, begun.answers);
  else printText("Correct these problems, then run the command again.", "请更正后重新执行。");
  process.exit(1);
}

function printRetryCommand(appPath, answers) {
  printText(
    "To start over with the same answers, correct this command, and paste it into the terminal:\n",
    "要用已填写的答案重新开始，请更正以下命令后粘贴执行：\n",
  );
  const uri = readOption("--uri");
  if (uri?.endsWith(".zip") && !uri.includes("://")) {
    printText(
      "  # The tool deletes the zip file after unpacking it: put the file back first.",
      "  # 工具解压 zip 文件后会将其删除：请先放回原处。",
    );
  }
  if (!SECRETS.every((name) => process.env[name])) {
    printText(
      "  # Each `read` waits for a key; the input is not shown.",
      "  # 每条 `read` 等待粘贴密钥，输入不回显。",
    );
    print("  read -rs HW_AK; read -rs HW_SK; export HW_AK HW_SK");
  }
  print(`  ${buildCommand(appPath, answers)}`);
}

/** Return the command that passes the same answers, without secrets. */
function buildCommand(appPath, answers) {
  const uri = readOption("--uri");
  // The tool uses only the last part of a relative path, in the current folder.
  const name = path.relative(process.cwd(), appPath) || ".";
  const words = [
    "init",
    ...(uri ? ["--uri", uri] : ["oss-oms-sync"]),
    "-y",
    "-d",
    name === path.basename(name) ? name : appPath,
    ...(keepsFolder() ? ["--no-overwrite"] : []),
    "-a",
    answers.access || "default",
    "--parameters",
    JSON.stringify(removeSecrets(answers)),
  ];
  return ["s", ...words.map(quoteWord)].join(" ");
}

/** Return the answers without secrets: with answers.json an upgrade asks no question again. */
function removeSecrets({ access, ...answers }) {
  return Object.fromEntries(Object.entries(answers).filter(([name]) => !SECRETS.includes(name)));
}

/**
 * Store AK and SK in the tool's secret store, under names of this project, where no output of the tool shows them. Leave
 * both unchanged if `areSecretsStored` is true.
 */
function keepSecrets(answers, areSecretsStored) {
  for (const name of SECRETS) {
    const key = `${answers.functionName}_${name}`;
    if (areSecretsStored) {
      printText(`${key} in the tool's secret store is unchanged.`, `工具密钥库中的 ${key} 保持不变。`);
      continue;
    }
    const words = ["secret", "add", "--key", key, "--value", answers[name]];
    let result = runTool(...words);
    if (result.stdout.includes("already exists")) {
      printText(
        `Note: the earlier ${key} in the tool's secret store is replaced. If another project has the same function name, its` +
          ` next deployment uses the new key.`,
        `注意：密钥库中原有的 ${key} 已被替换。若另有项目使用同一函数名，其下次部署将使用新密钥。`,
      );
      result = runTool(...words, "--force");
    }
    if (result.status !== 0 || !result.stdout.includes(key)) {
      throw new Error(
        choose(
          `The tool's secret store did not accept ${name}: make sure that secrets.yaml in the folder shown by \`s -v\` is writable.`,
          `工具的密钥库未能保存 ${name}：请确认 \`s -v\` 所示目录中的 secrets.yaml 可写。`,
        ),
      );
    }
  }
  // Every user of the machine can derive the key of the encrypted store, so only its owner is allowed to read the file.
  const [, home] = /s-home: (.*?),/.exec(runTool("-v").stdout) || [];
  const secrets = path.join(home || "", "secrets.yaml");
  if (home && fs.existsSync(secrets)) fs.chmodSync(secrets, 0o600);
  else printText(`Make sure that no other user can read the tool's secrets.yaml.`, "请确认其他用户无法读取工具的 secrets.yaml。");
}

/** Run the tool that runs this hook. The arguments are in the environment: every user can read a command line. */
function runTool(...words) {
  const script = `process.umask(0o077);
    process.argv.splice(1, process.argv.length, ...JSON.parse(process.env.OSS_OMS_SYNC_ARGUMENTS));
    delete process.env.OSS_OMS_SYNC_ARGUMENTS;
    require(process.argv[1]);`;
  const tool = fs.realpathSync(process.argv[1]);
  return spawnSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    env: { ...process.env, OSS_OMS_SYNC_ARGUMENTS: JSON.stringify([tool, ...words]) },
  });
}

function warnOfRegion(url) {
  if (!url) return;
  const [, region] = /^https:\/\/oms\.([a-z0-9-]+)\.myhuaweicloud\.com\//.exec(url) || [];
  if (region in OMS_REGIONS) return;
  const regions = Object.entries(OMS_REGIONS);
  printText(
    `Note: ${region || "the host of SYNC_URL"} is not among the regions known to offer sync tasks: ` +
      regions.map(([id, [name]]) => `${name} (${id})`).join(", "),
    `注意：${region || "SYNC_URL 的域名"} 不在已知提供同步任务的区域之列：` +
      regions.map(([id, [, name]]) => `${name}（${id}）`).join("、"),
  );
}

function writeGitignore(file) {
  const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  const missing = GITIGNORE_LINES.filter((line) => !text.split(/\r?\n/).includes(line));
  if (missing.length > 0) fs.appendFileSync(file, `${text && !text.endsWith("\n") ? "\n" : ""}${missing.join("\n")}\n`);
}

/** Create .env for its owner alone: the tool would create it readable for all users. */
function writeEnv(file) {
  const comment = "# HW_AK and HW_SK are in the tool's secret store (`s secret get`): leave the values here empty.\n";
  if (!fs.existsSync(file)) fs.writeFileSync(file, comment, { mode: 0o600 });
  fs.chmodSync(file, 0o600);
}

function printRequirements() {
  printText(
    `
oss-oms-sync submits every object written to an OSS bucket to a sync task of Huawei's OMS, which copies the object
to OBS.
You need:
  - the source bucket, and another bucket in the same region, for the records
  - the destination bucket in OBS
  - the SYNC_URL of an OMS sync task (OMS console > Synchronization Tasks > the task > its details)
  - the AK/SK of a Huawei Cloud IAM user with the permissions oms:synctask:createEvent, oms:synctask:get,
    oms:synctask:statistics and oms:taskgroup:get
You can leave SYNC_URL, AK/SK and the bucket for the records empty: \`python3 ops.py setup\` then creates them.
`,
    `
oss-oms-sync 将写入 OSS Bucket 的每个对象提交给华为云 OMS 同步任务，由其复制到 OBS。
需要准备：
  - 源 Bucket，以及同地域的另一个 Bucket（存放记录）
  - OBS 的目的端桶
  - OMS 同步任务的“同步请求接收地址”，即 SYNC_URL（OMS 控制台 > 同步任务 > 单击任务 > 任务详情）
  - 华为云 IAM 用户的访问密钥（AK/SK），该用户需有 oms:synctask:createEvent、oms:synctask:get、
    oms:synctask:statistics、oms:taskgroup:get 四项权限
SYNC_URL、AK/SK 和存放记录的 Bucket 可以留空：\`python3 ops.py setup\` 会创建所缺内容。
`,
  );
}

function printNextSteps(appPath, { functionName, sourceBucket, objectPrefix, objectSuffix, SYNC_URL }, hasSecrets) {
  const folder = path.relative(process.cwd(), appPath);
  printText(`\nThe project is ready in ${folder || "this folder"}.`, `\n项目已生成，位置：${folder || "当前目录"}。`);
  if (hasSecrets) {
    printText(
      `HW_AK and HW_SK are in the tool's secret store as ${functionName}_HW_AK and ${functionName}_HW_SK.`,
      `HW_AK 和 HW_SK 已存入工具的密钥库：${functionName}_HW_AK、${functionName}_HW_SK。`,
    );
  }
  const missing = [...(SYNC_URL ? [] : ["SYNC_URL"]), ...(hasSecrets ? [] : SECRETS)];
  if (missing.length > 0) {
    printText(
      `s.yaml has no ${missing.join(", ")} yet: setup creates them in both clouds.`,
      `s.yaml 中还没有 ${missing.join("、")}：setup 会在两家云上创建所缺内容。`,
    );
  }
  printText("Next steps:\n", "接下来执行：\n");
  if (folder) print(`  cd ${quoteWord(folder)}`);
  if (!isInGit(appPath)) {
    printText("  # So that an upgrade keeps your changes.", "  # 以便升级时保留你的修改。");
    print(`  git init --initial-branch main && git add --all && git commit --message "As s init made it" && git branch template`);
  }
  if (missing.length > 0) {
    printText("  # Shows a plan, then asks for your confirmation.", "  # 先显示计划，再询问是否执行。");
    print("  python3 ops.py setup");
  } else {
    printText(
      "  # Prints the commands that create the two RAM roles; `python3 policies/show.py | bash` runs these commands.",
      "  # 打印创建两个 RAM 角色的命令；`python3 policies/show.py | bash` 则直接执行。",
    );
    print("  python3 policies/show.py");
  }
  print("  s deploy -y");
  print("  python3 ops.py doctor\n");
  printText(
    `Projects on the same bucket must not overlap in both prefix and suffix: Function Compute would refuse the second` +
      ` trigger. This project submits "${objectPrefix}*${objectSuffix}" of ${sourceBucket}.`,
    `同一 Bucket 上部署多个项目时，各项目的前缀和后缀不能同时重叠，否则函数计算会拒绝创建第二个触发器。` +
      `本项目提交 ${sourceBucket} 中的 "${objectPrefix}*${objectSuffix}"。`,
  );
}

module.exports = { preInit, postInit };
