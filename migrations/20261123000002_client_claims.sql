-- Why: old app versions send a second write over HTTP. It is a witness beside RTDB, never its rival: it
-- may fill a gap, and any event wins over what it wrote.

set local lock_timeout = '5s';
set local statement_timeout = '5min';

-- Takes an old phone's claim that a completion was made. Inserts only where no row is; where one is,
-- live or tombstone, it only notes that the claim came. Answers `applied` for an insert, `duplicate`
-- else. Safe to repeat and to run twice at once.
create function mirror.claim_by_client(
  claimed_couple text,
  claimed_date date,
  claimed_quest text,
  claimed_user text,
  claimed_partner text,
  claimed_at timestamptz,
  lock_wait text
)
returns text
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('lock_timeout', lock_wait, true);
  perform set_config('mirror.writer', 'on', true);
  insert into public.quest_completions (
    couple_id, date_key, quest_id, user_id, partner_id,
    completed_at, payload, origin, event_time, client_claimed_at
  )
  values (
    claimed_couple, claimed_date, claimed_quest, claimed_user, claimed_partner,
    -- What the app writes to RTDB for a completion; the claim itself brings no value.
    claimed_at, 'true', 'client', '-infinity', clock_timestamp()
  )
  on conflict do nothing;
  if found then
    return 'applied';
  end if;
  update public.quest_completions as q
  set client_claimed_at = clock_timestamp()
  where (q.couple_id, q.date_key, q.quest_id, q.user_id)
    = (claimed_couple, claimed_date, claimed_quest, claimed_user);
  return 'duplicate';
end
$$;

revoke all on function mirror.claim_by_client(text, date, text, text, text, timestamptz, text)
  from public;
grant execute on function mirror.claim_by_client(text, date, text, text, text, timestamptz, text)
  to quest_mirror_writer;
