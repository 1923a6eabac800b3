//! Failures of the primary, one after the other.

use super::*;

/// How long a node is frozen or cut off, and how long a dead one stays down after the new primary is there.
const AWAY: Duration = Duration::from_secs(30);

const DEAD: Duration = Duration::from_secs(2);

/// The pause without faults before the next fault.
const CALM: Duration = Duration::from_secs(5);

/// A fault of a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Killed,
    Frozen,
    CutOff,
}

/// The faults in turn, as far as there are enough of each kind.
pub(super) fn faults(failovers: Failovers) -> Vec<Fault> {
    let Failovers { kills, freezes, partitions } = failovers;
    let most = kills.max(freezes).max(partitions);
    let turns = (0..most).flat_map(|turn| {
        [(Fault::Killed, kills), (Fault::Frozen, freezes), (Fault::CutOff, partitions)]
            .map(|(fault, of)| (fault, turn < of))
    });
    turns.filter_map(|(fault, happens)| happens.then_some(fault)).collect()
}

pub(super) async fn inject_faults(
    cluster: &mut Cluster,
    loaded_replicas: &[LoadedReplica],
    faults: &[Fault],
    report: &mut Report,
) {
    let mut longest = Longest::default();
    for (n, fault) in faults.iter().enumerate() {
        until_calm(cluster).await;
        let name = format!(
            "{}. the primary is {}",
            n + 1,
            match fault {
                Fault::Killed => "killed",
                Fault::Frozen => "frozen",
                Fault::CutOff => "cut off",
            }
        );
        if !inject_fault(cluster, loaded_replicas, *fault, &name, &mut longest, report).await {
            return;
        }
    }
    longest.report(report);
}

/// Waits until the pending webhooks are applied.
async fn until_calm(cluster: &Cluster) {
    tokio::time::sleep(CALM).await;
    let (primary, begin) = cluster.primary_but(None).await.expect("a primary");
    let mut connection = cluster.connect(primary, "shop").await.unwrap();
    // Some webhooks are always in flight.
    while waiting(&mut connection).await.is_none_or(|waiting| waiting > 100)
        && begin.elapsed() < TIMEOUT / 2
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Applies a fault to the primary, and checks the results. Returns whether the cluster is whole in the end.
async fn inject_fault(
    cluster: &mut Cluster,
    loaded_replicas: &[LoadedReplica],
    fault: Fault,
    name: &str,
    longest: &mut Longest,
    report: &mut Report,
) -> bool {
    let (victim, _) = cluster.primary_but(None).await.expect("a primary");
    let asked_before: Vec<usize> =
        loaded_replicas.iter().map(|loaded| loaded.known.asked()).collect();
    let injected_at = Instant::now();
    let held = match fault {
        Fault::Killed => {
            cluster.kill(victim);
            Vec::new()
        }
        Fault::Frozen => cluster.freeze(victim),
        Fault::CutOff => {
            cluster.cut_off(victim);
            Vec::new()
        }
    };
    let Some((primary, since)) = cluster.primary_but(Some(victim)).await else {
        end_fault(cluster, fault, victim, held);
        report.broken.push(format!("{name}: no other one became the primary within {TIMEOUT:?}"));
        return false;
    };
    let connection = cluster.connect(primary, "shop").await.unwrap();
    let rejoin = async {
        tokio::time::sleep_until(
            if fault == Fault::Killed {
                since + DEAD
            } else {
                (injected_at + AWAY).max(since + DEAD)
            }
            .into(),
        )
        .await;
        end_fault(cluster, fault, victim, held);
        let ended_at = Instant::now();
        (cluster.becomes_whole(primary).await, ended_at.elapsed())
    };
    let (recovery, (is_whole, rejoined)) =
        tokio::join!(Recovery::watch(connection, loaded_replicas, since), rejoin);
    let is_healthy = loaded_replicas[0].is_healthy().await && loaded_replicas[1].is_healthy().await;

    let failed: Vec<usize> =
        loaded_replicas.iter().map(|loaded| loaded.known.since(injected_at).len()).collect();
    let asked: Vec<usize> = loaded_replicas
        .iter()
        .zip(asked_before)
        .map(|(loaded, before)| loaded.known.asked() - before)
        .collect();
    let refused =
        loaded_replicas.iter().map(|loaded| loaded.others.since(injected_at).len()).sum::<usize>();
    let last_refused = loaded_replicas
        .iter()
        .flat_map(|loaded| loaded.others.since(since))
        .map(|at| at - since)
        .max()
        .unwrap_or_default();
    let [elected, rejoined] = [since - injected_at, rejoined].map(|took| took.as_secs_f64());
    report.figure(
        name,
        format!(
            "another one after {elected:.1} s; {recovery}; the last of others was refused after {:.2} s ({refused} in all); \
            of {asked:?} lookups of known people {failed:?} failed; the old one was back {rejoined:.1} s after it could",
            last_refused.as_secs_f64()
        ),
    );
    if failed.iter().sum::<usize>() > 0 {
        let statuses: Vec<String> =
            loaded_replicas.iter().map(|loaded| loaded.known.describe(injected_at)).collect();
        report
            .broken
            .push(format!("{name}: lookups of known people failed on the replicas: {statuses:?}"));
    }
    if !recovery.is_all() {
        report.broken.push(format!("{name}: not everything went on again: {recovery}"));
    }
    if !is_whole || !is_healthy {
        report.broken.push(format!("{name}: afterwards the cluster is whole: {is_whole}, and both replicas call themselves well: {is_healthy}"));
    }
    longest.note(since - injected_at, &recovery, last_refused);
    is_whole
}

/// Ends a fault.
fn end_fault(cluster: &mut Cluster, fault: Fault, victim: usize, held: Vec<FrozenProcesses>) {
    drop(held);
    match fault {
        Fault::Killed => cluster.start_again(victim),
        Fault::Frozen => {}
        Fault::CutOff => cluster.heal(victim),
    }
}
