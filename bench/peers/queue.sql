select id, number, type, state, organisation_id, region, round, submitted_at, due_at, due_for,
    provisional, overdue_at, version
from filing.filings where due_at is not null and filings.due_for in ('REVIEW', 'APPEAL')
order by due_at, id limit 51;
