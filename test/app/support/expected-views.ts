import type { JsonValue } from '../../support/cloud-event';

type Node = { readonly [key: string]: JsonValue };

export interface AppView {
  readonly view: string;
  readonly path: string;
  /** What it shows of a value: its columns but those of the key. */
  rows(value: Node): Record<string, unknown>[];
}

/** The views beside the paths' tables. Knows nothing of their SQL. */
export const APP_VIEWS: readonly AppView[] = [
  {
    view: 'daily_quest_items',
    path: 'daily_quests',
    rows: (quests) =>
      items(quests).map(([item_key, quest]) => ({
        ...placeOf(item_key),
        quest_id: quest.id,
        content_id: quest.contentId,
        quest_type: quest.questType,
        sort_order: quest.sortOrder,
        is_side_quest: quest.isSideQuest,
        format_type: quest.formatType,
        quiz_name: quest.quizName ?? null,
      })),
  },
  {
    view: 'quiz_session_answers',
    path: 'quiz_sessions',
    rows: ({ answers, predictions, questionIds }) =>
      [...keys(answers, predictions)].flatMap((user_id) => {
        const [chosen, predicted] = [child(answers, user_id), child(predictions, user_id)];
        return [...keys(chosen, predicted)].map((item_key) => ({
          ...{ user_id, ...placeOf(item_key), question_id: child(questionIds, item_key) },
          ...{ answer: child(chosen, item_key), prediction: child(predicted, item_key) },
        }));
      }),
  },
  {
    view: 'you_or_me_answers',
    path: 'you_or_me_sessions',
    rows: ({ answers }) =>
      items(answers).flatMap(([user_id, list]) =>
        items(list).map(([item_key, answer]) => ({
          ...{ user_id, ...placeOf(item_key) },
          question_id: answer.questionId,
          question_prompt: answer.questionPrompt,
          question_content: answer.questionContent,
          answer_value: answer.answerValue,
          answered_at: new Date(Number(answer.answeredAt)).toISOString(),
        })),
      ),
  },
  {
    view: 'steps_by_user',
    path: 'steps',
    rows: ({ users }) =>
      items(users).map(([user_id, { steps, lastSync, source }]) => ({
        ...{ user_id, steps, last_sync_local: lastSync, source },
      })),
  },
];

function items(node: JsonValue | undefined): [string, Node][] {
  return Object.entries(node ?? {}).filter((entry) => entry[1] !== null) as [string, Node][];
}

function keys(...nodes: (JsonValue | undefined)[]): Set<string> {
  return new Set(nodes.flatMap((node) => items(node).map(([key]) => key)));
}

function child(node: JsonValue | undefined, key: string): JsonValue {
  return Object.fromEntries(items(node))[key] ?? null;
}

function placeOf(item_key: string) {
  return { item_key, place: Number(item_key) };
}
