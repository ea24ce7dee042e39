import { type Couple, coupleOf, type Write } from './cloud-event';

const CREATED_MS = 1_763_536_914_840;
const QUESTION_BYTES = 270;

type DocumentWrite = (roundId: string, leaf: number, isUpdate: boolean) => Write;

/**
 * Games of "you or me", as documents of about so many bytes: created by one user, and ended by a
 * second write, which changes few of the fields. Keys are sorted, as RTDB sends them.
 *
 * @param bytes of the document as JSON
 */
export function documentWrites(bytes: number): DocumentWrite {
  const { questions, answers } = roundsOfGame(Math.floor((bytes - 500) / QUESTION_BYTES));
  const sample = documentOf(coupleOf(0), 'r10_1000', { questions, answers, padding: '' });
  const padding = '.'.repeat(Math.max(0, bytes - sample.length));
  return (roundId, leaf, isUpdate) => {
    const couple = coupleOf(leaf);
    const sessionId = `${roundId}_${leaf}`;
    const document = documentOf(couple, sessionId, { questions, answers, padding });
    return {
      ref: `you_or_me_sessions/${couple.coupleId}/youorme_${sessionId}`,
      userId: couple.first,
      data: isUpdate ? document : 'null',
      delta: isUpdate ? ENDING : document,
    };
  };
}

const ENDING = `{"completedAt":${CREATED_MS + 600_000},"isCompleted":true,"lpEarned":30,"status":"completed"}`;

interface Parts {
  questions: string;
  answers: string;
  /** Lengthens the last question's text. */
  padding: string;
}

/** Put together by hand: the generator shares the machine with what it measures. */
function documentOf({ coupleId, first, second }: Couple, sessionId: string, parts: Parts): string {
  return (
    `{"answers":{"${first}":[${parts.answers}]},"coupleId":"${coupleId}","createdAt":${CREATED_MS},` +
    `"id":"youorme_${sessionId}","initiatedBy":"${first}","isCompleted":false,` +
    `"partnerId":"${second}","questions":[${parts.questions}{"category":"actions",` +
    `"content":"likely to burn the toast${parts.padding}","id":"yom_q99","prompt":"Who is more..."}],` +
    `"status":"in_progress","subjectUserId":"${first}","userId":"${first}"}`
  );
}

/** So many questions, each answered once; with a comma after each question. */
function roundsOfGame(count: number): { questions: string; answers: string } {
  const numbers = Array.from({ length: Math.max(1, count) }, (_, n) => 100 + n);
  const content = (n: number) => `patient in a queue of ${n} people`;
  const questions = numbers.map((n) => ({
    category: 'personality',
    content: content(n),
    id: `yom_q${n}`,
    prompt: 'Who is more...',
  }));
  const answers = numbers.map((n) => ({
    answerValue: n % 3 === 0,
    answeredAt: CREATED_MS + n * 4_100,
    questionContent: content(n),
    questionId: `yom_q${n}`,
    questionPrompt: 'Who is more...',
  }));
  return {
    questions: questions.map((question) => `${JSON.stringify(question)},`).join(''),
    answers: answers.map((answer) => JSON.stringify(answer)).join(','),
  };
}
