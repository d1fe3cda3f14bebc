//! How much they may spend: amounts, periods, accounts, the books and the ledger.
